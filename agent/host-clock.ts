import { pause } from '../drivers/pause.ts';
import type { Clock } from '../model/ports.ts';

const never = new AbortController().signal;

export const hostClock: Clock = { now: () => Date.now(), sleep: (ms, signal) => pause(ms, signal ?? never) };

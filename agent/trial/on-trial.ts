import type { Bus, Clock } from '../../model/ports.ts';
import { writeDurably } from '../durable.ts';
import { busMark, type Places } from '../places.ts';
import { isUnderWay, readTrial } from './trial.ts';

/** How often an agent on trial looks whether that is over: one small file; ms. */
const LOOK_MS = 100;
/** Longest that an agent hears no order; ms. Beyond any attempt of a trial, whose program must have died for good then. */
const DEAF_MS = 600_000;

export type OnTrial = {
  readonly places: Places;
  readonly clock: Clock;
  readonly version: string;
  /** Prefix of the host's keys: what the agent hears its own sign of life by. */
  readonly hostKeys: string;
};

/**
 * The bus for an agent that starts while a trial is under way; any other gets its bus as it is.
 *
 * 1. It speaks: its sign of life goes out, and once a watch has brought that back, the agent leaves its mark.
 * 2. It hears nothing: no order and no baton comes to it until the trial is over, so it begins nothing that the other agent
 *    would have to take over in the middle.
 */
export function busOnTrial(bus: Bus, trial: OnTrial): Bus {
  if (!isUnderWay(readTrial(trial.places))) return bus;
  const over = trialOver(trial);
  return {
    ...bus,
    watch: (prefix, onEntries, signal) => {
      void over.then(() => bus.watch(prefix, onEntries, signal));
    },
    keepAlive: (options) => {
      let said = '';
      const value = (): string => (said = options.value());
      const marked = new AbortController();
      bus.keepAlive({ ...options, value });
      bus.watch(
        trial.hostKeys,
        (entries) => {
          // What another agent left there under the key is another text.
          const isOurs = entries.some((entry) => entry.key === options.key && entry.value === said);
          if (!isOurs || marked.signal.aborted) return;
          marked.abort();
          writeDurably(busMark(trial.places), trial.version);
        },
        AbortSignal.any([options.signal, marked.signal]),
      );
    },
  };
}

async function trialOver({ places, clock }: OnTrial): Promise<void> {
  const until = performance.now() + DEAF_MS;
  while (performance.now() < until && isUnderWay(readTrial(places))) await clock.sleep(LOOK_MS);
}

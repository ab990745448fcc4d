import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { addCount, judgeRate, latestSample, startSoakLog, type SoakLog } from '../model/soak.ts';
import type { SlotTraffic } from '../model/slot-balancer.ts';
import type { UnitHeartbeat } from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';
import { needBalancer, type UnitPorts } from './open-unit.ts';
import { lookAtSlot, lookForMembers } from './slot-look.ts';
import type { SoakEnd, SoakInput, UnitActivities } from './unit-activities.ts';

/** Time between two looks; ms. */
const LOOK_MS = 500;

/** How often requests that no longer go to the slot are sent there again; whoever takes them away more often means it. */
const MAX_MENDS = 2;

/** What outlives an attempt: since when a member is not well, and what was counted so far. */
type SoakBeat = UnitHeartbeat & { readonly unwellSince: number | null; readonly counted: SoakLog | null };

/**
 * Idempotent: looks, and decides nothing.
 *
 * 1. The share of failed requests is judged over the window and over all since the cutover, also over attempts: what was counted
 *    is in the heartbeat.
 * 2. A member that is not well for longer than the policy allows, by its engine or by the balancer, is a problem. An engine or
 *    balancer that can't be asked is not: it says nothing of the slot.
 * 3. A balancer that was reloaded in the moment of the cutover may have read the earlier slot: the cutover is done again.
 * 4. An attempt that comes when the time is over has one look all the same.
 */
export function createSoakSlot(ports: UnitPorts): UnitActivities['soakSlot'] {
  return async (input) => {
    const soak: Soak = {
      ports,
      input,
      signal: cancellationSignal(),
      mends: 0,
      ...takeOver(activityInfo().heartbeatDetails),
    };
    return whileBeating(
      (): SoakBeat => beatOf(soak),
      async () => watch(soak),
    );
  };
}

type Soak = {
  readonly ports: UnitPorts;
  readonly input: SoakInput;
  readonly signal: AbortSignal;
  log: SoakLog | null;
  unwellSince: number | null;
  mends: number;
};

async function watch(soak: Soak): Promise<SoakEnd> {
  const { ports, input, signal } = soak;
  for (;;) {
    const problem = (await judgeActive(soak)) ?? (await judgeTraffic(soak)) ?? (await judgeMembers(soak));
    if (problem !== null || ports.clock.now() >= input.until) return { problem, traffic: trafficOf(soak) };
    await ports.clock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

async function judgeActive(soak: Soak): Promise<string | null> {
  const { ports, input, signal } = soak;
  const { slots, balanced } = needBalancer(ports, input);
  const { to } = input.plan;
  const active = await orNull(slots.active(balanced, signal), signal);
  if (active === null || active === to) return null;
  if (soak.mends >= MAX_MENDS) return `requests go to ${active}, though they were cut over to ${to} again and again`;
  soak.mends += 1;
  log.warn('cutover done again', { unit: input.unit, slot: to, found: active });
  await orNull(slots.cutOver(balanced, to, signal), signal);
  return null;
}

async function judgeTraffic(soak: Soak): Promise<string | null> {
  const { ports, input, signal } = soak;
  const { slots, balanced } = needBalancer(ports, input);
  const count = await orNull(slots.traffic(balanced, input.plan.to, signal), signal);
  if (count === null) return null;
  const at = ports.clock.now();
  const before = soak.log ?? startSoakLog(input.baseline ?? count, at);
  soak.log = addCount(before, { at, ...count }, input.soak.windowMs);
  return judgeRate(soak.log, input.soak);
}

async function judgeMembers(soak: Soak): Promise<string | null> {
  const { ports, input, signal } = soak;
  const slot = input.plan.to;
  const looked = async (): Promise<string | null> => {
    const members = await lookForMembers(ports, input, signal);
    const missing = input.plan.members.find(
      ({ container }) => !members.some((member) => member.container === container),
    );
    if (missing !== undefined) return `${missing.container} on ${missing.host} is gone`;
    return (await lookAtSlot(ports, { input, members, slot }, signal))?.problem ?? null;
  };
  const problem = await orNull(looked(), signal);
  const now = ports.clock.now();
  soak.unwellSince = problem === null ? null : (soak.unwellSince ?? now);
  const isLong = soak.unwellSince !== null && now - soak.unwellSince >= input.soak.unhealthyMs;
  return isLong ? `${problem ?? ''}, for ${now - (soak.unwellSince ?? now)} ms` : null;
}

/** Who can't be asked says nothing. */
async function orNull<Value>(asked: Promise<Value>, signal: AbortSignal): Promise<Value | null> {
  try {
    return await asked;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

function trafficOf({ log }: Soak): SlotTraffic | null {
  if (log === null) return null;
  const { requests, errors } = latestSample(log);
  return { requests, errors };
}

function beatOf(soak: Soak): SoakBeat {
  const traffic = trafficOf(soak);
  const detail = traffic === null ? 'no requests counted' : `${traffic.requests} requests, ${traffic.errors} failed`;
  return { unitStep: 'soak', detail, unwellSince: soak.unwellSince, counted: briefly(soak.log) };
}

/** The first and the last sample say as much for the whole soak as all of them. */
function briefly(log: SoakLog | null): SoakLog | null {
  return log === null ? null : { counted: log.counted, samples: [latestSample(log)] };
}

function takeOver(details: unknown): Pick<Soak, 'log' | 'unwellSince'> {
  if (!isBeat(details)) return { log: null, unwellSince: null };
  return { log: details.counted, unwellSince: details.unwellSince };
}

/** A worker of this version said it, or nobody did. */
const isBeat = (details: unknown): details is SoakBeat =>
  typeof details === 'object' && details !== null && 'unwellSince' in details && 'counted' in details;

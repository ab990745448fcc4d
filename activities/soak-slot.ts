import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { addCount, judgeRate, latestSample, startSoakLog, type SoakLog } from '../model/soak.ts';
import type { SlotTraffic } from '../model/slot-balancer.ts';
import { addressOf, type UnitSite } from '../model/unit-site.ts';
import type { UnitHeartbeat } from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';
import { conceal } from './conceal.ts';
import { needBalancer, openUnit, siteOf, type UnitPorts } from './open-unit.ts';
import { balancerProblem, engineProblem, lookForMembers } from './slot-look.ts';
import { probeSlot } from './slot-probes.ts';
import type { SoakEnd, SoakInput, UnitActivities } from './unit-activities.ts';
import { secretsOf } from './unit-files.ts';

/** Time between two looks; ms. */
const LOOK_MS = 500;
/** A probe may start a program in each member: not at every look. */
const LOOKS_A_PROBE = 4;

/** How often requests that no longer go to the slot are sent there again; whoever takes them away more often means it. */
const MAX_MENDS = 2;

/** What outlives an attempt: since when a member is not well, and what was counted so far. */
type SoakBeat = UnitHeartbeat & { readonly unwellSince: number | null; readonly counted: SoakLog | null };

/**
 * Idempotent: looks, and decides nothing.
 *
 * 1. The share of failed requests is judged over the window and over all since the cutover, also over attempts: what was counted
 *    is in the heartbeat.
 * 2. A member that is not well for longer than the policy allows, by its engine, the balancer or its own probe, is a problem. An engine or
 *    balancer that can't be asked is not: it says nothing of the slot.
 * 3. A balancer that was reloaded in the moment of the cutover may have read the earlier slot: the cutover is done again.
 * 4. An attempt that comes when the time is over has one look all the same.
 */
export function createSoakSlot(ports: UnitPorts): UnitActivities['soakSlot'] {
  return async (input) => {
    const opened = await openUnit(ports, input);
    const soak: Soak = {
      ...{ ports, input, site: siteOf(opened, input.plan), secrets: await secretsOf(ports, opened.fleetUnit) },
      ...{ signal: cancellationSignal(), mends: 0, looks: 0, probed: null },
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
  readonly site: UnitSite;
  readonly secrets: readonly string[];
  readonly signal: AbortSignal;
  log: SoakLog | null;
  unwellSince: number | null;
  mends: number;
  /** Looks so far, and what the latest round of probes said. */
  looks: number;
  probed: string | null;
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
  const looks = await Promise.all(
    [byEngines(soak), byBalancer(soak), byProbes(soak)].map(async (look) => orUnknown(look, signal)),
  );
  const problem = looks.find((look) => look !== null && look !== UNKNOWN) ?? null;
  // Who can't be asked says nothing, neither that a member is well again.
  if (problem === null && looks.includes(UNKNOWN)) return null;
  const now = ports.clock.now();
  soak.unwellSince = problem === null ? null : (soak.unwellSince ?? now);
  const forMs = now - (soak.unwellSince ?? now);
  return problem !== null && forMs >= input.soak.unhealthyMs ? `${problem}, for ${forMs} ms` : null;
}

async function byEngines({ ports, input, signal }: Soak): Promise<string | null> {
  const { to, members: planned } = input.plan;
  const members = await lookForMembers(ports, input, signal);
  const missing = planned.find(({ container }) => !members.some((member) => member.container === container));
  if (missing !== undefined) return `${missing.container} on ${missing.host} is gone`;
  return engineProblem(
    ports,
    members.filter(({ slot }) => slot === to),
    signal,
  );
}

async function byBalancer({ ports, input, site, signal }: Soak): Promise<string | null> {
  const members = site.plan.members
    .filter(({ kind }) => kind === 'service')
    .map((member) => ({ ...member, address: addressOf(site, member) ?? '' }));
  return balancerProblem(ports, { input, slot: input.plan.to, members }, signal);
}

/** Between two rounds the last one stands. */
async function byProbes(soak: Soak): Promise<string | null> {
  if (soak.looks++ % LOOKS_A_PROBE === 0) {
    const said = await probeSlot(soak.ports, soak.site, soak.signal);
    soak.probed = said === null ? null : conceal(said, soak.secrets);
  }
  return soak.probed;
}

const UNKNOWN = Symbol('who was asked did not answer');

const orNull = async <Value>(asked: Promise<Value>, signal: AbortSignal): Promise<Value | null> => {
  const answer = await orUnknown(asked, signal);
  return answer === UNKNOWN ? null : answer;
};

async function orUnknown<Value>(asked: Promise<Value>, signal: AbortSignal): Promise<Value | typeof UNKNOWN> {
  try {
    return await asked;
  } catch {
    signal.throwIfAborted();
    return UNKNOWN;
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

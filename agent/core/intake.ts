import { createHash } from 'node:crypto';
import { isAtWork } from '../../model/agent-phase.ts';
import { unreachable } from '../../model/assert.ts';
import type { Order } from '../../model/bus.ts';
import type { Release } from '../../model/release.ts';
import { parseOrder } from '../../drivers/bus-values.ts';
import type { Bell } from './bell.ts';
import type { StepPlace } from '../ports.ts';
import type { AgentContext } from './context.ts';
import { judgeOrder, type Verdict } from './judge.ts';
import { withLimit } from './limit.ts';
import { readHostWork, type HostWork, type HostWorkReading } from '../host-work.ts';
import { appendOrFreeRoom } from './record-anyway.ts';
import type { Answered } from './records.ts';
import { staleReport, unreadableReport } from './report.ts';
import { installedRelease, phaseOf } from './state.ts';

/** Longest time for a probe's look; ms. */
const PROBE_DEADLINE_MS = 25_000;

/** Reads the order on the bus whenever it, or the agent's own state, may have changed; one after another. */
export async function takeOrders(context: AgentContext, bell: Bell, signal: AbortSignal): Promise<void> {
  let lastAside = '';
  while (!signal.aborted) {
    await bell.wait();
    const entry = context.view.order;
    if (entry === null) continue;
    const parsed = parseOrder(entry.value);
    const verdict = parsed.ok ? judgeOrder(context.ledger.state, parsed.value) : null;
    if (parsed.ok && verdict !== null && !(verdict.verdict === 'refuse' && verdict.stale)) {
      await obey(context, parsed.value, verdict);
      continue;
    }
    // What can't count is answered once, not at every turn of the watch.
    const name = `${entry.revision} ${entry.value}`;
    if (name === lastAside) continue;
    lastAside = name;
    sayAside(context, parsed.ok ? parsed.value : null, parsed.ok ? whyOf(verdict) : parsed.problem);
  }
}

async function obey(context: AgentContext, order: Order, verdict: Verdict): Promise<void> {
  const { ports } = context;
  switch (verdict.verdict) {
    case 'known':
      return;
    case 'refuse': {
      answer(context, order, { refused: verdict.why, busy: verdict.busy });
      return;
    }
    case 'accept':
      return accept(context, order);
    case 'probe':
      return probe(context, order);
    case 'adopt':
      ports.log('order adopted', { upgrade: order.upgrade, action: order.action, journal: verdict.journal });
      attempt(context, order, () => {
        appendOrFreeRoom(context, { type: 'adopted', order }, verdict.journal);
      });
      return;
    case 'reverted': {
      answer(context, order, { reverted: true });
      return;
    }
    default:
      return unreachable(verdict);
  }
}

/** Verifies what is on the disk; from the record on, nothing but this disk is needed. */
async function accept(context: AgentContext, order: Order): Promise<void> {
  const { ledger, ports, bootId } = context;
  const asked = await readAsked(context, order);
  // While the files were read the baton may have come for an earlier order.
  const verdict = judgeOrder(ledger.state, order);
  if (verdict.verdict !== 'accept') return obey(context, order, verdict);
  if (!asked.ok) {
    answer(context, order, { refused: asked.problem });
    return;
  }
  const { host } = asked;
  ports.log('order accepted', { upgrade: order.upgrade, epoch: order.epoch, sequence: order.sequence });
  attempt(context, order, () =>
    ledger.accept({
      type: 'accepted',
      order,
      host,
      digest: digestOf(host),
      already: verdict.already,
      before: installedRelease(ledger.state),
      budgetMs: Math.min(order.deadlineMs, host.deadlineMs),
      begun: order.start === 'now',
      bootId,
    }),
  );
}

/** An order for members that can't be upgraded here is refused before the first of them is touched. */
async function readAsked(context: AgentContext, order: Order): Promise<HostWorkReading> {
  const verified = await context.ports.releases.verify(order.release);
  const asked = verified.ok ? readHostWork(order, verified.release) : verified;
  if (!asked.ok) return asked;
  if (order.action !== 'service') return questioned(context, order, asked.host) ?? asked;
  try {
    return (await refusedMember(context, order, asked.host)) ?? asked;
  } catch (error) {
    return { ok: false, problem: `the members could not be looked at: ${messageOf(error)}; nothing was done` };
  }
}

/** Files that ask are found before anything is touched; whoever is on this release already has answered. */
function questioned(context: AgentContext, order: Order, host: HostWork): Refused | null {
  const { ports } = context;
  const { release, upgrade } = order;
  const { signal } = new AbortController();
  for (const [index, step] of host.steps.entries()) {
    const question = ports.steps.question(step, {
      ...{ ...probePlace(context, order), release, upgrade, index, signal },
    });
    if (question !== null) return { ok: false, problem: `${question}; nothing was done` };
  }
  return null;
}

type Refused = Extract<HostWorkReading, { ok: false }>;

function refusedMember(context: AgentContext, order: Order, host: HostWork): Promise<Refused | null> {
  const { clock, steps } = context.ports;
  const { release, upgrade } = order;
  return withLimit({ clock, ms: PROBE_DEADLINE_MS }, async (signal) => {
    for (const [index, step] of host.steps.entries()) {
      const place = { ...probePlace(context, order), release, upgrade, index, signal };
      const { ok, evidence } = await steps.probe(step, place);
      if (!ok) return { ok, problem: `${evidence}; nothing was done` };
    }
    return null;
  });
}

/** A look that belongs to no work. */
const probePlace = (
  { ledger }: AgentContext,
  { edited }: Order,
): Pick<StepPlace, 'journal' | 'before' | 'was' | 'edited'> => ({
  ...{ journal: 'probe', before: null, was: installedRelease(ledger.state), edited },
});

async function probe(context: AgentContext, order: Order): Promise<void> {
  const { ledger, ports } = context;
  const verified = await ports.releases.verify(order.release);
  if (!verified.ok) {
    answer(context, order, { refused: verified.problem });
    return;
  }
  const seen = await look(context, order, verified.release);
  const verdict = judgeOrder(ledger.state, order);
  if (verdict.verdict !== 'probe') return obey(context, order, verdict);
  answer(context, order, seen);
}

async function look(context: AgentContext, order: Order, release: Release): Promise<Partial<Answered>> {
  const index = release.host.steps.findIndex((step) => step.id === order.step);
  const step = release.host.steps[index];
  if (step === undefined) return { refused: `the release has no step ${order.step ?? 'null'} to probe` };
  const { release: ref, upgrade } = order;
  const place = { ...probePlace(context, order), release: ref, upgrade, index };
  try {
    return await withLimit({ clock: context.ports.clock, ms: PROBE_DEADLINE_MS }, async (signal) => ({
      probe: await context.ports.steps.probe(step, { ...place, signal }),
    }));
  } catch (error) {
    return { probe: { ok: false, evidence: `the probe itself failed: ${messageOf(error)}` } };
  }
}

/**
 * A journal that can't be written, for want of room above all, leaves the host as it is, and says so. While the host is
 * at work that is not the last word: nobody may take a host for idle because of it.
 */
function attempt(context: AgentContext, order: Order, write: () => void): void {
  try {
    write();
  } catch (error) {
    const why = `the journal can't be written: ${messageOf(error)}; nothing was done`;
    const busy = isAtWork(phaseOf(context.ledger.state));
    context.ports.log('journal failed', { error: messageOf(error) });
    answer(context, order, { refused: busy ? `busy, and ${why}` : why, busy });
  }
}

function answer(context: AgentContext, order: Order, given: Partial<Answered>): void {
  const { ledger, ports } = context;
  const blank = { order, refused: null, probe: null, busy: false, reverted: false, at: ports.clock.now() };
  if (given.refused != null) ports.log('order refused', { upgrade: order.upgrade, why: given.refused });
  try {
    ledger.answer({ ...blank, ...given });
  } catch (error) {
    ports.log('answer not kept', { error: messageOf(error) });
  }
}

function sayAside(context: AgentContext, order: Order | null, why: string): void {
  const { ledger, identity, bootId, ports, sender } = context;
  const reporter = { agent: identity.version, bootId };
  const at = ports.clock.now();
  ports.log('order refused', { why });
  const { state } = ledger;
  sender.sayAside(
    order === null ? unreadableReport(state, reporter, { why, at }) : staleReport(state, reporter, { order, why, at }),
  );
}

const whyOf = (verdict: Verdict | null): string => (verdict?.verdict === 'refuse' ? verdict.why : 'refused');

const digestOf = (host: HostWork): string =>
  `sha256:${createHash('sha256').update(JSON.stringify(host)).digest('hex')}`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

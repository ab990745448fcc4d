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
import { orderPlace } from './install.ts';
import { withLimit } from './limit.ts';
import { findQuestion } from './question.ts';
import { readHostWork, releaseWork, type HostWork, type HostWorkReading } from '../host-work.ts';
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

/**
 * An order for members that can't be upgraded here is refused before the first of them is touched, and an install that needs
 * an operator's word before its first step: a host that is as it was can be tried again.
 */
async function readAsked(context: AgentContext, order: Order): Promise<HostWorkReading> {
  const verified = await context.ports.releases.verify(order.release);
  const asked = verified.ok ? readHostWork(order, verified.release) : verified;
  if (!asked.ok) return asked;
  const isService = order.action === 'service';
  try {
    const refused = isService ? refusedMember(context, order, asked.host) : undecided(context, order, asked.host);
    return (await refused) ?? asked;
  } catch (error) {
    const what = isService ? 'the members' : 'edited files';
    return { ok: false, problem: `${what} could not be looked at: ${messageOf(error)}; nothing was done` };
  }
}

type Refused = Extract<HostWorkReading, { ok: false }>;

async function undecided(context: AgentContext, order: Order, host: HostWork): Promise<Refused | null> {
  const before = installedRelease(context.ledger.state);
  const question = await findQuestion(context, { order, host, before }, new AbortController().signal);
  return question === null ? null : { ok: false, problem: `nothing was done: ${question.text}` };
}

function refusedMember(context: AgentContext, order: Order, host: HostWork): Promise<Refused | null> {
  const { clock, steps } = context.ports;
  const place = probePlace(context, order);
  return withLimit({ clock, ms: PROBE_DEADLINE_MS }, async (signal) => {
    for (const [index, step] of host.steps.entries()) {
      const { ok, evidence } = await steps.probe(step, { ...place, index, signal });
      if (!ok) return { ok, problem: `${evidence}; nothing was done` };
    }
    return null;
  });
}

/** A look that belongs to no work. */
const probePlace = (context: AgentContext, order: Order): Omit<StepPlace, 'index' | 'signal'> => ({
  ...orderPlace(context, { order, before: installedRelease(context.ledger.state) }),
  ...{ journal: 'probe', before: null },
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
  const { steps } = releaseWork(release);
  const index = steps.findIndex((step) => step.id === order.step);
  const step = steps[index];
  if (step === undefined) return { refused: `the release has no step ${order.step ?? 'null'} to probe` };
  const place = { ...probePlace(context, order), index };
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

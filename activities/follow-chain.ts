import { cancellationSignal, log } from '@temporalio/activity';
import { isAtWork } from '../model/agent-phase.ts';
import { busKeys, isSameOrder, type Baton } from '../model/bus.ts';
import type { HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { readOutcome, type SentOrder } from '../model/outcome.ts';
import type { BusEntry } from '../model/ports.ts';
import type { Activities, ChainEnd, ChainInput } from './activities.ts';
import { awaitHost } from './await-host.ts';
import { chainMembers, chainOrder, chainOrderTo, placeBaton, type ChainPorts } from './chain-orders.ts';
import { fenced } from './failure.ts';
import { writeFenced } from './fenced-write.ts';
import { readFleetLevels, type HostLevel } from './host-levels.ts';
import { placeOrder, unanswered } from './host-order.ts';
import { Wake } from './wake.ts';

/** How long a host that is done may keep the baton before the worker hands it on; ms. Agents do it in milliseconds. */
const TAKE_OVER_MS = 5_000;
/** How long hold and holder must stay as they are before the chain counts as held; ms: the holder may just have begun. */
const HOLD_SETTLE_MS = 1_000;
/** How long a baton may be missing before it is put back; ms: what the watch shows may be older than what was written. */
const BATON_MISSING_MS = 2_000;

/** What ends the wait for one holder, beside the ends of the whole chain. */
type Turn =
  | { readonly end: 'moved' | 'handOn' }
  | { readonly end: 'held' }
  | { readonly end: 'ended'; readonly outcome: HostOutcome };

/** Idempotent: only watches, and does the agents' hand-off for one that is done and does not. */
export function createFollowChain(ports: ChainPorts): Activities['followChain'] {
  return async (input) => {
    const ending = new AbortController();
    const track = new BatonTrack(ports, input, ending.signal);
    try {
      return await followChain(ports, input, track);
    } finally {
      ending.abort();
    }
  };
}

async function followChain(ports: ChainPorts, input: ChainInput, track: BatonTrack): Promise<ChainEnd> {
  const signal = cancellationSignal();
  const members = await chainMembers(ports, input);
  const hosts = members.map(({ name }) => name);
  const froms = new Map(members.map(({ name, from }) => [name, from]));
  // Bounded by the hosts: every round ends with a baton that has moved on, or with the end.
  for (;;) {
    signal.throwIfAborted();
    const baton = await findBaton(ports, input, { hosts, track });
    if (baton.holder === null) return { end: 'through', position: hosts.length };
    const order = { ...chainOrderTo(input, baton.holder), host: baton.holder, from: froms.get(baton.holder) ?? null };
    const turn = await awaitTurn(ports, input, { baton, order, track });
    if (turn.end === 'held') return { end: 'held', position: baton.position };
    if (turn.end === 'ended') return { end: 'stopped', position: baton.position, outcome: turn.outcome };
    if (turn.end === 'handOn') await handOn(ports, input, { baton, hosts });
  }
}

type HolderTurn = {
  readonly baton: Baton;
  readonly order: SentOrder & ReturnType<typeof chainOrder>;
  readonly track: BatonTrack;
};

async function awaitTurn(ports: ChainPorts, input: ChainInput, turn: HolderTurn): Promise<Turn> {
  const { baton, order, track } = turn;
  const since = { done: null as number | null, held: null as number | null };
  const end = await awaitHost<Turn>(ports, {
    ...{ fleet: input.fleet, host: order.host, order, position: baton.position },
    limits: { silenceMs: input.silenceMs, deadlineMs: input.deadlineMs },
    wake: track.wake,
    judge: (level, now) => {
      const held = track.baton();
      if (held === null || held.epoch !== baton.epoch || held.position !== baton.position) return { end: 'moved' };
      const outcome = readOutcome(order, level.report);
      since.done = outcome?.state === 'done' ? (since.done ?? now) : null;
      if (since.done !== null) return now - since.done >= TAKE_OVER_MS ? { end: 'handOn' } : null;
      if (outcome !== null) return { end: 'ended', outcome };
      since.held = track.isHeld() && !isBusy(order, level) ? (since.held ?? now) : null;
      return since.held !== null && now - since.held >= HOLD_SETTLE_MS ? { end: 'held' } : null;
    },
    uphold: async (level) => {
      const isThere = level.order !== null && isSameOrder(level.order, order);
      if (!isThere) await placeOrder(ports, { fleet: input.fleet, host: order.host }, order);
    },
  });
  if (end.end === 'found') return end.found;
  return { end: 'ended', outcome: unanswered(order, end) };
}

const isBusy = (order: SentOrder, { report }: HostLevel): boolean =>
  report !== null && isSameOrder(report, order) && isAtWork(report.phase);

/** Where the baton is. One that a wiped bus lost is put back at the first host that does not report done. */
async function findBaton(
  ports: ChainPorts,
  input: ChainInput,
  { hosts, track }: { readonly hosts: readonly HostId[]; readonly track: BatonTrack },
): Promise<Baton> {
  const signal = cancellationSignal();
  const until = ports.clock.now() + BATON_MISSING_MS;
  while (ports.clock.now() < until) {
    const baton = track.baton();
    if (baton !== null && baton.epoch === input.epoch) return baton;
    await track.wake.wait(until - ports.clock.now(), { clock: ports.clock, signal });
    signal.throwIfAborted();
  }
  const levels = await readFleetLevels(ports, input.fleet, hosts);
  const order = chainOrder(input);
  const isDone = (host: HostId): boolean =>
    readOutcome({ ...order, host, from: null }, levels.get(host)?.report ?? null)?.state === 'done';
  const first = hosts.findIndex((host, index) => index >= input.offset && !isDone(host));
  const position = first === -1 ? hosts.length : first;
  log.warn('baton put back', { upgrade: input.upgrade, epoch: input.epoch, position });
  await placeBaton(ports, input, { hosts, position });
  return readBaton(ports, input);
}

async function readBaton(ports: ChainPorts, { fleet, upgrade, epoch }: ChainInput): Promise<Baton> {
  const key = busKeys(fleet).baton(upgrade);
  const entry = await ports.bus.read(key);
  const parsed = entry === null ? null : ports.values.parseBaton(entry.value);
  if (parsed?.ok !== true) throw new Error(`${key}: ${parsed === null ? 'was removed again' : parsed.problem}`);
  if (parsed.value.epoch > epoch) throw fenced(`the chain of ${upgrade} was taken over by epoch ${parsed.value.epoch}`);
  return parsed.value;
}

/** The holder is done, and its agent does not hand on: the same compare-and-swap that the agent would do. */
async function handOn(
  ports: ChainPorts,
  { fleet, upgrade, epoch }: ChainInput,
  { baton, hosts }: { readonly baton: Baton; readonly hosts: readonly HostId[] },
): Promise<void> {
  const key = busKeys(fleet).baton(upgrade);
  const position = baton.position + 1;
  const next: Baton = { v: 1, epoch, position, holder: hosts[position] ?? null };
  log.warn('baton handed on by the worker', { upgrade, from: baton.holder, to: next.holder, position });
  await writeFenced(
    ports,
    { fleet, epoch },
    {
      keys: [key],
      decide: ([entry]) => {
        const found = entry == null ? null : ports.values.parseBaton(entry.value);
        const isStill = found?.ok === true && found.value.epoch === epoch && found.value.position === baton.position;
        return isStill ? { puts: [{ key, value: ports.values.encodeBusValue(next) }] } : null;
      },
    },
  );
}

/** The chain's baton and hold as the bus last showed them. */
class BatonTrack {
  readonly wake = new Wake();
  readonly #epoch: number;
  #baton: Baton | null = null;
  #isHeld = false;

  constructor(ports: ChainPorts, { fleet, upgrade, epoch }: ChainInput, signal: AbortSignal) {
    this.#epoch = epoch;
    const keys = busKeys(fleet);
    const follow = (prefix: string, show: (entries: readonly BusEntry[]) => void): void =>
      ports.bus.watch(
        prefix,
        (entries) => {
          show(entries);
          this.wake.ring();
        },
        signal,
      );
    follow(keys.batonOf(upgrade), (entries) => {
      const entry = entries.find(({ key }) => key === keys.baton(upgrade));
      const parsed = entry === undefined ? null : ports.values.parseBaton(entry.value);
      this.#baton = parsed?.ok === true ? parsed.value : null;
    });
    follow(keys.upgrade(upgrade), (entries) => {
      this.#isHeld = entries.some(({ key }) => key === keys.hold(upgrade));
    });
  }

  /** Throws when another run has taken the chain over. */
  baton(): Baton | null {
    const found = this.#baton;
    if (found !== null && found.epoch > this.#epoch) throw fenced(`the chain was taken over by epoch ${found.epoch}`);
    return found;
  }

  isHeld(): boolean {
    return this.#isHeld;
  }
}

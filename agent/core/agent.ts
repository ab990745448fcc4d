import { busKeys, type Report } from '../../model/bus.ts';
import type { AgentPorts } from '../ports.ts';
import { encodeBusValue } from '../../drivers/bus-values.ts';
import { Bell } from './bell.ts';
import { BusView } from './bus-view.ts';
import type { AgentContext, AgentIdentity } from './context.ts';
import { takeOrders } from './intake.ts';
import { Ledger } from './ledger.ts';
import { reportOf, type Reporter } from './report.ts';
import { Sender } from './sender.ts';
import { currentWork, highestOrder, installedRelease, phaseOf, type AgentState } from './state.ts';
import { doWork, type Interrupt } from './work.ts';
import type { UpgradeId } from '../../model/ids.ts';

/** How long the sign of life outlives the agent; ms. Short, because others only take it for a hint. */
const ALIVE_TTL_MS = 5_000;

/**
 * The agent: one loop takes orders, one works, one sends reports. They share the ledger, and only the ledger decides.
 * Ends with a bug only; an agent is stopped by killing it, which its journal is made for.
 */
export async function runAgent(identity: AgentIdentity, ports: AgentPorts, signal: AbortSignal): Promise<never> {
  const keys = busKeys(identity.fleet);
  const bootId = ports.boot.bootId();
  const orders = new Bell();
  const work = new Bell();
  const interrupt: Interrupt = { stop: null };
  const changed = (): void => {
    const { state } = context.ledger;
    if (isOnWayBack(state)) interrupt.stop?.();
    context.view.follow(followedUpgrade(state), signal);
    context.sender.changed();
    wake();
  };
  const wake = (): void => {
    orders.ring();
    work.ring();
  };
  const latest = latestReport(() => context.ledger.state, { agent: identity.version, bootId });
  const context: AgentContext = {
    identity,
    ports,
    bootId,
    ledger: new Ledger(ports.disk, ports.clock, changed),
    view: new BusView(ports.bus, identity, wake),
    sender: new Sender({ bus: ports.bus, clock: ports.clock, key: keys.report(identity.host), latest }),
  };
  if (context.ledger.state.corrupt !== null) ports.log('journal corrupt', { problem: context.ledger.state.corrupt });
  else context.ledger.publishInstalled();
  context.view.watchHost((report) => context.sender.seen(report), signal);
  keepAlive(context, signal);
  changed();
  await Promise.race([
    takeOrders(context, orders, signal),
    doWork(context, work, interrupt),
    context.sender.run(signal),
  ]);
  throw new Error('the agent was stopped');
}

function keepAlive({ identity, ports, ledger, bootId }: AgentContext, signal: AbortSignal): void {
  const value = (): string => {
    const phase = phaseOf(ledger.state);
    const epoch = highestOrder(ledger.state)?.epoch ?? 0;
    // Facts may be half a minute old; what the journals say is not.
    const facts = { ...ports.facts(phase), installed: installedRelease(ledger.state) };
    return encodeBusValue({ v: 1, agent: identity.version, bootId, phase, epoch, facts });
  };
  const key = busKeys(identity.fleet).alive(identity.host);
  ports.bus.keepAlive({ key, value, ttlMs: ALIVE_TTL_MS, signal });
}

/** Asked for at every turn of three loops, and made once a change. */
function latestReport(stateNow: () => AgentState, reporter: Reporter): () => Report | null {
  let made: { readonly state: AgentState; readonly report: Report | null } | null = null;
  return () => {
    const state = stateNow();
    if (made?.state !== state) made = { state, report: reportOf(state, reporter) };
    return made.report;
  };
}

const isOnWayBack = (state: AgentState): boolean => currentWork(state)?.reverting != null;

/** Only an order that takes part in a chain needs to see it. */
function followedUpgrade(state: AgentState): UpgradeId | null {
  const work = currentWork(state);
  const takesPart = work?.order.start === 'baton' && work.reverting === null && work.finished?.phase !== 'stuck';
  return takesPart ? work.order.upgrade : null;
}

import type { AgentContext } from './context.ts';
import { StepProblem } from './install.ts';

/** Longest wait for etcd's other members before this one may leave; ms. Those of hosts that went before are back already. */
const OTHERS_MS = 60_000;
/** Longest wait for this host's own member after a way back; ms. The way back ends all the same: there is none behind it. */
const OWN_MS = 60_000;
/** Pause between two looks; ms. */
const LOOK_MS = 500;

/** A host that carries a member of etcd begins only while all others are there: never two of them are away. */
export async function awaitOthers(context: AgentContext, signal: AbortSignal): Promise<void> {
  const { quorum, log } = context.ports;
  const away = await awaitNone(context, { look: (limited) => quorum.away(limited), ms: OTHERS_MS, signal });
  if (away === null) return;
  log('not begun', { away });
  const message = `${away} for ${OTHERS_MS / 1000} s, and with this host's own member two would be away; nothing was done`;
  throw new StepProblem(null, 'failed', { message });
}

/** After a way back the next host may go: this one's member has to be there first. */
export async function awaitOwn(context: AgentContext, signal: AbortSignal): Promise<void> {
  const { quorum, log } = context.ports;
  const away = await awaitNone(context, { look: (limited) => quorum.own(limited), ms: OWN_MS, signal });
  if (away !== null) log('own member is not back', { away });
}

type Wait = {
  readonly look: (signal: AbortSignal) => Promise<string | null>;
  readonly ms: number;
  readonly signal: AbortSignal;
};

/** What still stood against it at the end; null: nothing. */
async function awaitNone({ ports }: AgentContext, { look, ms, signal }: Wait): Promise<string | null> {
  const until = ports.clock.now() + ms;
  for (;;) {
    const problem = await look(signal);
    signal.throwIfAborted();
    if (problem === null || ports.clock.now() >= until) return problem;
    await ports.clock.sleep(LOOK_MS, signal);
  }
}

import { assert } from './assert.ts';

/**
 * Where a host's agent is in the order it holds.
 *
 * idle: no order yet · staged: accepted and verified on disk, waits for its turn · installing: steps are applied ·
 * rebooting: a reboot was asked for · verifying: all steps applied, probes must hold · done: installed and healthy ·
 * reverting: steps are undone · reverted: the host is as it was before · stuck: an undo failed, a person is needed
 */
export type AgentPhase = keyof typeof agentTransitions;

/** The table of transitions; the diagram in docs/protocol.md is generated from it. */
export const agentTransitions = {
  idle: ['staged', 'reverted'],
  staged: ['installing', 'reverting', 'reverted'],
  installing: ['rebooting', 'verifying', 'reverting'],
  rebooting: ['installing', 'reverting'],
  verifying: ['done', 'reverting'],
  done: ['staged', 'reverting'],
  reverting: ['rebooting', 'reverted', 'stuck'],
  reverted: ['staged', 'reverting'],
  stuck: ['reverting', 'staged'],
} as const satisfies Record<string, readonly string[]>;

export const agentPhases = Object.keys(agentTransitions) as readonly AgentPhase[];

/** Phases in which the agent has nothing left to do for its order. */
export const isSettled = (phase: AgentPhase): phase is 'done' | 'reverted' | 'stuck' =>
  phase === 'done' || phase === 'reverted' || phase === 'stuck';

/** Phases in which steps run: the host counts as out of service. */
export const isAtWork = (phase: AgentPhase): boolean =>
  phase === 'installing' || phase === 'rebooting' || phase === 'verifying' || phase === 'reverting';

export function advanceAgent(from: AgentPhase, to: AgentPhase): AgentPhase {
  const allowed: readonly string[] = agentTransitions[from];
  assert(allowed.includes(to), `transition not allowed: ${from} to ${to}`);
  return to;
}

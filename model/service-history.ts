import { leastAvailable, type ServiceUpgradeInput } from './service.ts';

/** Events that a service's upgrade may need. Temporal ends a workflow at 51,200: the rest is for operators' commands, and what they have tried again. */
export const MAX_EVENTS = 46_000;
/** Bytes that it may need. Temporal ends a workflow at 50 MB; a worker that takes over reads all of them first. */
export const MAX_BYTES = 20_000_000;

/** Events of an activity at worst: scheduled, started, ended, and the three of a workflow task that nothing else shares. */
const EVENTS = 6;
/** Bytes of an activity with its events: 900 were measured, with short names and shared workflow tasks. */
const BYTES = 1_300;
/** Members of a page, of the members that are found and of those whose states are told, with long names. */
const PAGE = 25;

export type ServiceSize = { readonly members: number; readonly hosts: number; readonly phases: number };

/**
 * What the history of a service's upgrade comes to at worst: all the way there, and from the last phase all the way back.
 * Pure. Waits for the environment and what an operator has tried again come on top.
 */
export function worstHistory(
  size: ServiceSize,
  input: Pick<ServiceUpgradeInput, 'policy' | 'service' | 'settings'>,
): { readonly events: number; readonly bytes: number } {
  const { members, hosts, phases } = size;
  const pages = Math.ceil(members / PAGE);
  // There and back: room is looked for once, states are told twice.
  const ofPhase = 2 * ((leastAvailable(input.policy, members) > 0 ? 1 : 0) + 2);
  // The image is pulled, and removed; members are found once, and told at the end.
  const activities = members * ofMember(input) + phases * ofPhase + hosts * 2 + pages * 6;
  const ofSettings = JSON.stringify(input.settings).length;
  return { events: activities * EVENTS, bytes: activities * BYTES + members * ofSettings };
}

/** Out of traffic, replaced, in again, there and back; where nothing is kept, the way back looks first and replaces once more. */
function ofMember({ policy, service }: Pick<ServiceUpgradeInput, 'policy' | 'service'>): number {
  const replaced = policy.mode === 'create' ? 4 : 2;
  const stops = policy.strategy.strategy === 'allAtOnce' ? 2 : 0;
  return replaced + stops + (service.balancer === null ? 0 : 4);
}

import type { Action, TargetGroupTuple } from '@aws-sdk/client-elastic-load-balancing-v2';
import { slots, type Slot } from '../../model/unit.ts';

type Groups = Readonly<Record<Slot, string>>;

/** The slot's share of new requests: all of them, or none; the other group stays in the action, so that it is checked. */
const ALL = 100;
const NONE = 0;

/** The actions as they have to be for the slot to take all requests; null: none of them forwards, so there is nothing to switch. */
export function withActive(actions: readonly Action[], groups: Groups, to: Slot): Action[] | null {
  if (!actions.some(isForward)) return null;
  return actions.map((action) => (isForward(action) ? forwardTo(action, groups, to) : asWritten(action)));
}

/** Where a frontend's new requests go. mixed: to both, to neither, or to a group that is none of the unit's besides. */
export function activeIn(actions: readonly Action[], groups: Groups): Slot | 'unset' | 'mixed' {
  const tuples = actions.filter(isForward).flatMap(targetGroups);
  const isOurs = ({ TargetGroupArn }: TargetGroupTuple): boolean =>
    slots.some((slot) => groups[slot] === TargetGroupArn);
  if (!tuples.some(isOurs)) return 'unset';
  const [first, ...more] = tuples.filter(({ Weight }) => Weight !== NONE);
  return more.length > 0 ? 'mixed' : (slots.find((slot) => groups[slot] === first?.TargetGroupArn) ?? 'mixed');
}

/** A client that is held to a target group by a cookie stays with its slot whatever the weights say. */
export const isSticky = (actions: readonly Action[]): boolean =>
  actions.some(({ ForwardConfig }) => ForwardConfig?.TargetGroupStickinessConfig?.Enabled === true);

const isForward = ({ Type }: Action): boolean => Type === 'forward';

/** An action with one target group may have it at its top alone. */
const targetGroups = ({ ForwardConfig, TargetGroupArn }: Action): readonly TargetGroupTuple[] =>
  ForwardConfig?.TargetGroups ?? (TargetGroupArn === undefined ? [] : [{ TargetGroupArn }]);

function forwardTo({ TargetGroupArn: _, ...action }: Action, groups: Groups, to: Slot): Action {
  const TargetGroups = slots.map((slot) => ({ TargetGroupArn: groups[slot], Weight: slot === to ? ALL : NONE }));
  return { ...action, ForwardConfig: { ...action.ForwardConfig, TargetGroups } };
}

/** AWS does not tell the secret of an OIDC client: to keep the action is to say so. */
function asWritten(action: Action): Action {
  const { AuthenticateOidcConfig } = action;
  if (AuthenticateOidcConfig === undefined) return action;
  return { ...action, AuthenticateOidcConfig: { ...AuthenticateOidcConfig, UseExistingClientSecret: true } };
}

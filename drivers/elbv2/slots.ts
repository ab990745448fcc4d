import { DescribeTargetHealthCommand, type Action } from '@aws-sdk/client-elastic-load-balancing-v2';
import { assert } from '../../model/assert.ts';
import type { BalancedUnit, ElbFrontend, SlotBalancer, SlotServer } from '../../model/slot-balancer.ts';
import type { Slot } from '../../model/unit.ts';
import { activeIn, withActive } from './actions.ts';
import { askElb, failure, openElb, type Balancer } from './elb.ts';
import { readActions, writeActions, type Access } from './frontends.ts';
import { findProblems } from './slot-problems.ts';
import { toServer } from './target-health.ts';

/**
 * AWS Elastic Load Balancing as what switches units: a frontend is a listener or a rule that forwards to two target groups,
 * one a slot, with weights 100 and 0. Tested against an emulator only, never against AWS. What is different from HAProxy:
 *
 * 1. One call a frontend, in their order, so that in between they are `mixed`; AWS then needs some seconds until all of its own
 *    machines know.
 * 2. It counts neither requests (`traffic` is null) nor what a target is at work on (`sessions` is 0): a drain is over at
 *    once, and requests at work end by the target groups' own deregistration delay, or with their containers' stop.
 * 3. Targets are the operator's or another program's to register, by address and port. A group is checked once a
 *    listener names it, even with weight 0.
 */
export function createElbSlots(balancer: Balancer): SlotBalancer {
  const access = { balancer, client: openElb(balancer) };
  return {
    active: async (unit, signal) => active(access, ofElb(unit), signal),
    cutOver: async (unit, to, signal) => cutOver(access, { frontends: ofElb(unit), to }, signal),
    servers: async (unit, slot, signal) => {
      const found = ofElb(unit).map(async (frontend) => readTargets(access, { frontend, slot }, signal));
      return (await Promise.all(found)).flat();
    },
    traffic: async () => Promise.resolve(null),
    problems: async (unit, signal) => findProblems(access, ofElb(unit), signal),
  };
}

function ofElb({ unit, balancer }: BalancedUnit): readonly ElbFrontend[] {
  assert(balancer.type === 'elbv2', `expected a unit that AWS switches, got ${unit}`);
  return balancer.frontends;
}

async function active(
  access: Access,
  frontends: readonly ElbFrontend[],
  signal?: AbortSignal,
): Promise<Slot | 'unset' | 'mixed'> {
  const each = frontends.map(async ({ listener, targetGroups }) =>
    activeIn(await readActions(access, listener, signal), targetGroups),
  );
  const [first = 'unset', ...others] = await Promise.all(each);
  return others.every((other) => other === first) ? first : 'mixed';
}

/** All are read before the first is changed, so that what can't work as a whole changes nothing. */
async function cutOver(
  access: Access,
  { frontends, to }: { readonly frontends: readonly ElbFrontend[]; readonly to: Slot },
  signal?: AbortSignal,
): Promise<void> {
  const changes: { readonly listener: string; readonly actions: Action[] }[] = [];
  for (const { listener, targetGroups } of frontends) {
    const actions = withActive(await readActions(access, listener, signal), targetGroups, to);
    if (actions === null) throw failure(access.balancer, 'refused', `${listener} has no forward action to switch`);
    changes.push({ listener, actions });
  }
  for (const change of changes) await writeActions(access, change, signal);
  const now = await active(access, frontends, signal);
  if (now !== to) throw failure(access.balancer, 'refused', `its frontends are ${now} though ${to} was asked for`);
}

async function readTargets(
  { balancer, client }: Access,
  { frontend: { service, targetGroups }, slot }: { readonly frontend: ElbFrontend; readonly slot: Slot },
  signal?: AbortSignal,
): Promise<readonly SlotServer[]> {
  const group = targetGroups[slot];
  const { TargetHealthDescriptions = [] } = await askElb(
    balancer,
    {
      what: `describe the targets of ${group}`,
      ask: async (abortSignal) =>
        client.send(new DescribeTargetHealthCommand({ TargetGroupArn: group }), { abortSignal }),
    },
    signal,
  );
  return TargetHealthDescriptions.map((description) => toServer(service, description));
}

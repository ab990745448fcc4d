import {
  DescribeLoadBalancersCommand,
  DescribeTargetGroupsCommand,
  type TargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { LoadBalancerError } from '../../model/load-balancer.ts';
import type { ElbFrontend } from '../../model/slot-balancer.ts';
import { slots } from '../../model/unit.ts';
import { isSticky, withActive } from './actions.ts';
import { askElb, describeBalancer } from './elb.ts';
import { loadBalancerOf, readActions, type Access } from './frontends.ts';

/** What of the frontends would keep a cutover from working, all at once. */
export async function findProblems(
  access: Access,
  frontends: readonly ElbFrontend[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const problems = frontends.map(async (frontend) => [
    ...(await listenerProblems(access, frontend, signal)),
    ...(await groupProblems(access, frontend, signal)),
  ]);
  return (await Promise.all(problems)).flat();
}

async function listenerProblems(
  access: Access,
  { listener, targetGroups }: ElbFrontend,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const actions = await orRefusal(readActions(access, listener, signal));
  if (typeof actions === 'string') return [actions];
  const where = `${describeBalancer(access.balancer)}: ${listener}`;
  if (withActive(actions, targetGroups, 'blue') === null) {
    return [`${where} has no forward action; give it one to ${targetGroups.blue}`];
  }
  const why = 'clients would stay with the slot that they are at; switch it off';
  return isSticky(actions) ? [`${where} holds clients to a target group (target group stickiness): ${why}`] : [];
}

/** Both target groups have to be of the load balancer's network, and of no other load balancer. */
async function groupProblems(
  access: Access,
  { listener, targetGroups }: ElbFrontend,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const own = loadBalancerOf(listener);
  const found = await Promise.all(slots.map(async (slot) => orRefusal(readGroup(access, targetGroups[slot], signal))));
  const network = await orRefusal(readNetwork(access, own, signal));
  // A listener that is not there was named already.
  if (typeof network === 'string') return found.filter((one) => typeof one === 'string');
  return found.flatMap((group) => {
    if (typeof group === 'string') return [group];
    const where = `${describeBalancer(access.balancer)}: target group ${group.TargetGroupArn ?? ''}`;
    const others = (group.LoadBalancerArns ?? []).filter((arn) => arn !== own);
    return [
      ...(group.VpcId === network.id ? [] : [`${where} is in ${group.VpcId ?? 'no VPC'}, and ${own} in ${network.id}`]),
      ...others.map((other) => `${where} is already of ${other}; a target group is of one load balancer only`),
    ];
  });
}

async function readGroup({ balancer, client }: Access, arn: string, signal?: AbortSignal): Promise<TargetGroup> {
  const ask = async (abortSignal: AbortSignal): Promise<TargetGroup> =>
    (await client.send(new DescribeTargetGroupsCommand({ TargetGroupArns: [arn] }), { abortSignal }))
      .TargetGroups?.[0] ?? { TargetGroupArn: arn };
  return askElb(balancer, { what: `describe ${arn}`, ask }, signal);
}

async function readNetwork(
  { balancer, client }: Access,
  arn: string,
  signal?: AbortSignal,
): Promise<{ readonly id: string }> {
  const ask = async (abortSignal: AbortSignal): Promise<{ readonly id: string }> => {
    const { LoadBalancers } = await client.send(new DescribeLoadBalancersCommand({ LoadBalancerArns: [arn] }), {
      abortSignal,
    });
    return { id: LoadBalancers?.[0]?.VpcId ?? 'no VPC' };
  };
  return askElb(balancer, { what: `describe ${arn}`, ask }, signal);
}

/** AWS's own words where it says no; who is away is no problem of the configuration, and thrown. */
async function orRefusal<Value>(reading: Promise<Value>): Promise<Value | string> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof LoadBalancerError && (error.kind === 'notFound' || error.kind === 'refused')) {
      return error.message;
    }
    throw error;
  }
}

import {
  DescribeListenersCommand,
  DescribeRulesCommand,
  ModifyListenerCommand,
  ModifyRuleCommand,
  type Action,
  type ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { askElb, failure, type Balancer } from './elb.ts';

/** Where and how AWS is asked. */
export type Access = { readonly balancer: Balancer; readonly client: ElasticLoadBalancingV2Client };

/** `listener`: of a listener, whose default actions are meant, or of one of its rules. */
export async function readActions(
  { balancer, client }: Access,
  listener: string,
  signal?: AbortSignal,
): Promise<readonly Action[]> {
  const what = `describe ${listener}`;
  const ask = isRule(listener)
    ? async (abortSignal: AbortSignal): Promise<Action[] | undefined> =>
        (await client.send(new DescribeRulesCommand({ RuleArns: [listener] }), { abortSignal })).Rules?.[0]?.Actions
    : async (abortSignal: AbortSignal): Promise<Action[] | undefined> =>
        (await client.send(new DescribeListenersCommand({ ListenerArns: [listener] }), { abortSignal })).Listeners?.[0]
          ?.DefaultActions;
  const actions = await askElb(balancer, { what, ask }, signal);
  if (actions === undefined) throw failure(balancer, 'notFound', `there is no ${listener}`);
  // Their order is what counts, and nothing says that they come in it.
  return [...actions].sort((one, other) => (one.Order ?? 0) - (other.Order ?? 0));
}

export async function writeActions(
  { balancer, client }: Access,
  { listener, actions }: { readonly listener: string; readonly actions: Action[] },
  signal?: AbortSignal,
): Promise<void> {
  const ask = async (abortSignal: AbortSignal): Promise<unknown> =>
    isRule(listener)
      ? client.send(new ModifyRuleCommand({ RuleArn: listener, Actions: actions }), { abortSignal })
      : client.send(new ModifyListenerCommand({ ListenerArn: listener, DefaultActions: actions }), { abortSignal });
  await askElb(balancer, { what: `modify ${listener}`, ask }, signal);
}

/** The load balancer's own ARN, of which a listener's and a rule's are made: `…:listener-rule/app/edge/1/2/3` → `…:loadbalancer/app/edge/1`. */
export const loadBalancerOf = (listener: string): string =>
  listener.replace(/:listener(-rule)?\/([^/]+\/[^/]+\/[^/]+).*$/, ':loadbalancer/$2');

const isRule = (listener: string): boolean => listener.includes(':listener-rule/');

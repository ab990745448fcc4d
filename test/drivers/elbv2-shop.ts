import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateRuleCommand,
  CreateTargetGroupCommand,
  RegisterTargetsCommand,
  type ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2';
import { openElb } from '../../drivers/elbv2/elb.ts';
import { parseUnitId } from '../../model/ids.ts';
import type { BalancedUnit, ElbFrontend } from '../../model/slot-balancer.ts';
import { slots, type Slot } from '../../model/unit.ts';
import type { ElbEmulator } from '../parts/elb-emulator.ts';
import { api, web } from './slot-balancer-contract.ts';

export const REGION = 'eu-west-1';

/** A unit behind AWS: the frontend of `web` is a listener, that of `api` a rule of it. */
export type ElbShop = {
  readonly unit: BalancedUnit & { readonly balancer: { readonly type: 'elbv2'; readonly frontends: Frontends } };
  /** To which listener and rule forward before anybody says anything. */
  readonly before: string;
  readonly client: ElasticLoadBalancingV2Client;
};
type Frontends = readonly [web: ElbFrontend, api: ElbFrontend];

export async function makeElbShop(emulator: ElbEmulator): Promise<ElbShop> {
  const client = openElb({ name: 'aws', region: REGION, endpoint: emulator.url });
  const { id: network, subnets } = await emulator.network();
  const group = async (name: string, address: string | null): Promise<string> =>
    makeGroup(client, { name, network, address });
  const { LoadBalancers: [balancer] = [] } = await client.send(
    new CreateLoadBalancerCommand({ Name: 'edge', Subnets: subnets }),
  );
  const before = await group('before', null);
  const forward = { Type: 'forward', TargetGroupArn: before } as const;
  const { Listeners: [listener] = [] } = await client.send(
    new CreateListenerCommand({
      ...{ LoadBalancerArn: balancer?.LoadBalancerArn, Protocol: 'HTTP', Port: 80 },
      DefaultActions: [forward],
    }),
  );
  const { Rules: [rule] = [] } = await client.send(
    new CreateRuleCommand({
      ...{ ListenerArn: listener?.ListenerArn, Priority: 1, Actions: [forward] },
      Conditions: [{ Field: 'path-pattern', Values: ['/api/*'] }],
    }),
  );
  const groups = async (service: string, port: number): Promise<Record<Slot, string>> => {
    const [blue = '', green = ''] = await Promise.all(
      slots.map((slot, index) => group(`shop-${service}-${slot}`, `10.0.0.${index + 1}:${port}`)),
    );
    return { blue, green };
  };
  const frontends: Frontends = [
    { service: web, listener: listener?.ListenerArn ?? '', targetGroups: await groups('web', 8080) },
    { service: api, listener: rule?.RuleArn ?? '', targetGroups: await groups('api', 8081) },
  ];
  return { unit: shopOf(frontends), before, client };
}

export const shopOf = (frontends: Frontends): ElbShop['unit'] => ({
  unit: parseUnitId('shop'),
  balancer: { type: 'elbv2', loadBalancer: 'aws', frontends },
});

type NewGroup = { readonly name: string; readonly network: string; readonly address: string | null };

/** `address`: of its one target; null: it has none. */
export async function makeGroup(
  client: ElasticLoadBalancingV2Client,
  { name, network, address }: NewGroup,
): Promise<string> {
  const { TargetGroups: [group] = [] } = await client.send(
    new CreateTargetGroupCommand({ Name: name, Protocol: 'HTTP', Port: 80, VpcId: network, TargetType: 'ip' }),
  );
  const arn = group?.TargetGroupArn ?? '';
  if (address === null) return arn;
  const [Id = '', port] = address.split(':');
  await client.send(new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: [{ Id, Port: Number(port) }] }));
  return arn;
}

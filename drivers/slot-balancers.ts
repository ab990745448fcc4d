import type { Fleet } from '../model/fleet.ts';
import type { SlotBalancer } from '../model/slot-balancer.ts';
import { createElbSlots } from './elbv2/slots.ts';
import { createHaproxySlots } from './haproxy/slots.ts';

/** One of the fleet file's load balancers, as what switches units. */
export function openSlotBalancer({ loadBalancers }: Pick<Fleet, 'loadBalancers'>, name: string): SlotBalancer {
  const found = loadBalancers.find((balancer) => balancer.name === name);
  if (found?.type === 'haproxy') return createHaproxySlots(found);
  if (found?.type === 'elbv2') return createElbSlots(found);
  const known = loadBalancers.length === 0 ? 'none' : loadBalancers.map((balancer) => balancer.name).join(', ');
  throw new Error(`load balancer ${name} is not in the fleet file any more; it has ${known}`);
}

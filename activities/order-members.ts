import type { Order } from '../model/bus.ts';
import type { AwaitPorts } from './await-host.ts';
import { giveOrder, HOP } from './host-order.ts';
import type { MemberActivities, OrderMembersInput } from './member-activities.ts';

/** Idempotent: the same (epoch, sequence) is the same order, and an agent obeys it once. */
export function createOrderMembers(ports: AwaitPorts): MemberActivities['orderMembers'] {
  return async (input) => {
    const { fleet, host, silenceMs } = input;
    return giveOrder(ports, toOrder(input), { fleet, host, from: null, silenceMs });
  };
}

function toOrder(input: OrderMembersInput): Order {
  const { upgrade, epoch, sequence, action, release, deadlineMs } = input;
  const service = { name: input.service, containers: input.containers };
  return {
    v: 1,
    upgrade,
    hop: HOP,
    epoch,
    sequence,
    action,
    release,
    step: null,
    service,
    edited: null,
    start: 'now',
    deadlineMs,
  };
}

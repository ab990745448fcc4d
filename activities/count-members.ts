import { cancellationSignal } from '@temporalio/activity';
import { isAvailable, memberName } from '../model/service.ts';
import { whileBeating } from './beating.ts';
import type { MemberActivities } from './member-activities.ts';
import { findServers } from './member-servers.ts';
import { ownFleet } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import { readMembers } from './read-members.ts';

/** Idempotent: reads. */
export function createCountMembers(
  ports: Pick<Ports, 'engine' | 'loadFleet' | 'loadBalancer'>,
): MemberActivities['countMembers'] {
  return async (input) => {
    const progress = { read: 0 };
    const signal = cancellationSignal();
    const { fleet, service, apart } = input;
    const names = new Set(apart.map(memberName));
    return whileBeating(
      () => ({ ...progress }),
      async () => {
        const hosts = ownFleet(ports, fleet).hosts.map(({ name }) => name);
        const plain = await readMembers(ports, { input, hosts, progress }, signal);
        const { members } = await findServers(ports, { members: plain.members, balancer: service.balancer }, signal);
        const available = members.filter(isAvailable);
        const named = available.filter((member) => names.has(memberName(member)));
        return { available: available.length, apart: named.length };
      },
    );
  };
}

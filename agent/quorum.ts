import { isMemberHealthy } from '../drivers/etcd/health.ts';
import type { AgentConfig } from './config.ts';
import type { Quorum } from './ports.ts';

/** For a host that carries no member of etcd. */
export const noMember: Quorum = { away: () => Promise.resolve(null), own: () => Promise.resolve(null) };

/** Asks the members themselves: whether they can write is theirs to say, not the bus's, which only needs one of them. */
export function createQuorum(etcd: AgentConfig['etcd']): Quorum {
  if (etcd?.member == null) return noMember;
  const { member, endpoints, tls } = etcd;
  const others = endpoints.filter((endpoint) => endpoint !== member);
  return {
    away: async (signal) => {
      const healthy = await Promise.all(others.map((endpoint) => isMemberHealthy({ endpoint, tls }, signal)));
      const away = others.filter((_, index) => healthy[index] !== true);
      return away.length === 0 ? null : `etcd at ${away.join(', ')} is not healthy`;
    },
    own: async (signal) =>
      (await isMemberHealthy({ endpoint: member, tls }, signal)) ? null : `etcd's member ${member} is not healthy`,
  };
}

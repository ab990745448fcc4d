import type { EtcdHealth } from '../activities/ports.ts';
import { isMemberHealthy } from '../drivers/etcd/health.ts';
import type { Fleet } from '../model/fleet.ts';

/** Asks every member that the fleet file names. */
export async function askEtcdHealth(
  { endpoints, tls }: Pick<Fleet['etcd'], 'endpoints' | 'tls'>,
  signal: AbortSignal,
): Promise<EtcdHealth> {
  const answers = await Promise.all(
    endpoints.map(async (endpoint) => ((await isMemberHealthy({ endpoint, tls }, signal)) ? [] : [endpoint])),
  );
  signal.throwIfAborted();
  return { members: endpoints.length, unhealthy: answers.flat() };
}

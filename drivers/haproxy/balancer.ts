import type { BalancedServer, LoadBalancer, ServerName, ServerState } from '../../model/load-balancer.ts';
import { command, failure } from './commands.ts';
import { nameInCommand, type Balancer } from './runtime-api.ts';
import { readServers } from './servers.ts';

/** HAProxy's words for an operator's states. */
const WORDS = { ready: 'ready', drain: 'drain', maintenance: 'maint' } as const satisfies Record<ServerState, string>;

const MAX_WEIGHT = 256;

/** HAProxy, spoken to over its runtime API; the socket's level has to be `admin`. */
export function createHaproxy(balancer: Balancer): LoadBalancer {
  const servers = async (backend: string, signal?: AbortSignal): Promise<readonly BalancedServer[]> =>
    readServers(balancer, backend, signal);
  const find = async ({ backend, server }: ServerName, signal?: AbortSignal): Promise<BalancedServer> => {
    const found = (await servers(backend, signal)).find(({ name }) => name === server);
    if (found === undefined) throw failure(balancer, 'notFound', `backend ${backend} has no server ${server}`);
    return found;
  };
  return {
    servers,
    async setState(server, state, signal): Promise<void> {
      await command(balancer, `set server ${inCommand(balancer, server)} state ${WORDS[state]}`, signal);
      const now = (await find(server, signal)).state;
      if (now === state) return;
      const why = `server ${describe(server)} is in ${now} though ${state} was asked for; does it track another one?`;
      throw failure(balancer, 'refused', why);
    },
    async setWeight(server, weight, signal): Promise<void> {
      if (!Number.isInteger(weight) || weight < 0 || weight > MAX_WEIGHT) {
        throw failure(balancer, 'refused', `expected a weight from 0 to ${MAX_WEIGHT}, got ${weight}`);
      }
      await command(balancer, `set weight ${inCommand(balancer, server)} ${weight}`, signal);
      const now = (await find(server, signal)).weight;
      if (now === weight) return;
      throw failure(balancer, 'refused', `server ${describe(server)} has weight ${now} though ${weight} was asked for`);
    },
  };
}

const describe = ({ backend, server }: ServerName): string => `${backend}/${server}`;

const inCommand = (balancer: Balancer, { backend, server }: ServerName): string =>
  `${nameInCommand(balancer, 'backend', backend)}/${nameInCommand(balancer, 'server', server)}`;

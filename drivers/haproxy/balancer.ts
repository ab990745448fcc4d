import {
  LoadBalancerError,
  type BalancedServer,
  type LoadBalancer,
  type LoadBalancerFailure,
  type ServerName,
  type ServerState,
} from '../../model/load-balancer.ts';
import { field, parseServersState, parseStatistics, toServer, type Row } from './answers.ts';
import { askHaproxy, describeBalancer, nameInCommand, type Balancer } from './runtime-api.ts';

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

/** Two questions, since neither answer has it all: what an operator set, and what is at work. */
async function readServers(
  balancer: Balancer,
  backend: string,
  signal?: AbortSignal,
): Promise<readonly BalancedServer[]> {
  const asked = `show servers state ${nameInCommand(balancer, 'backend', backend)}`;
  const states = await askRows(balancer, asked, { parse: parseServersState, signal });
  const [first] = states;
  if (first === undefined) return [];
  // By number, since older versions take no name here; 4 is for servers, -1 for all of them.
  const counted = `show stat ${field(first, 'be_id')} 4 -1`;
  const statistics = await askRows(balancer, counted, { parse: parseStatistics, signal });
  const byName = new Map(statistics.map((row) => [field(row, 'svname'), row]));
  // One that was taken out of the backend between the two answers is no server any more.
  return states.flatMap((state) => {
    const found = byName.get(field(state, 'srv_name'));
    return found === undefined ? [] : [toServer(state, found)];
  });
}

async function askRows(
  balancer: Balancer,
  asked: string,
  { parse, signal }: { parse: (answer: string) => readonly Row[] | null; signal: AbortSignal | undefined },
): Promise<readonly Row[]> {
  const answer = await askHaproxy(balancer, asked, signal);
  const rows = parse(answer);
  if (rows === null) throw refusal(balancer, asked, answer);
  return rows;
}

/** A command that worked says nothing. */
async function command(balancer: Balancer, asked: string, signal?: AbortSignal): Promise<void> {
  const answer = await askHaproxy(balancer, asked, signal);
  if (answer !== '') throw refusal(balancer, asked, answer);
}

function refusal(balancer: Balancer, asked: string, answer: string): LoadBalancerError {
  const kind = /^(Can't find backend|No such (backend|server))/.test(answer) ? 'notFound' : 'refused';
  const [said = ''] = answer.split('\n');
  const level = /permission denied/i.test(said) ? '; its stats socket needs: level admin' : '';
  return failure(balancer, kind, `expected it to do "${asked}", got: ${said}${level}`);
}

const failure = (balancer: Balancer, kind: LoadBalancerFailure, why: string): LoadBalancerError =>
  new LoadBalancerError(kind, `${describeBalancer(balancer)}: ${why}`);

const describe = ({ backend, server }: ServerName): string => `${backend}/${server}`;

const inCommand = (balancer: Balancer, { backend, server }: ServerName): string =>
  `${nameInCommand(balancer, 'backend', backend)}/${nameInCommand(balancer, 'server', server)}`;

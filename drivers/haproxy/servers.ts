import type { BalancedServer } from '../../model/load-balancer.ts';
import { field, parseServersState, parseStatistics, toServer, type Row } from './answers.ts';
import { refusal } from './commands.ts';
import { askHaproxy, nameInCommand, type Balancer } from './runtime-api.ts';

/** Two questions, since neither answer has it all: what an operator set, and what is at work. */
export async function readServers(
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

export async function askRows(
  balancer: Balancer,
  asked: string,
  { parse, signal }: { parse: (answer: string) => readonly Row[] | null; signal: AbortSignal | undefined },
): Promise<readonly Row[]> {
  const answer = await askHaproxy(balancer, asked, signal);
  const rows = parse(answer);
  if (rows === null) throw refusal(balancer, asked, answer);
  return rows;
}

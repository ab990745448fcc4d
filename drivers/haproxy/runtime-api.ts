import { connect, type NetConnectOpts } from 'node:net';
import type { Haproxy } from '../../model/fleet.ts';
import { LoadBalancerError } from '../../model/load-balancer.ts';

export type Balancer = Pick<Haproxy, 'name' | 'endpoint'>;

/** Longest an answer may take, its connection with it; ms. HAProxy answers within one, and one that stands still for seconds serves nobody. */
const ANSWER_MS = 5_000;

/** Largest answer read; a server's row is some 500 bytes. */
const MAX_ANSWER_BYTES = 4 * 1024 ** 2;

/** HAProxy ends every answer with an empty line; without it the answer was cut. */
const END = /(^|\n)\n$/;

/** What stands in its commands is a name, and nothing that could be another command. */
const NAME = /^[A-Za-z0-9_.:-]+$/;
const PATH = /^\/[A-Za-z0-9_.:/-]+$/;

/**
 * Asks HAProxy's runtime API one thing, on a connection of its own. Returns the answer without its last, empty line.
 * Throws LoadBalancerError for a world that fails, the signal's reason when that aborts.
 */
export async function askHaproxy(balancer: Balancer, command: string, signal?: AbortSignal): Promise<string> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(ANSWER_MS);
  const fail = (kind: 'unreachable' | 'deadline', why: string, cause?: unknown): LoadBalancerError =>
    new LoadBalancerError(kind, `${describeBalancer(balancer)} ${why} to: ${command}`, { cause });
  try {
    const answer = await exchange(
      balancer,
      command,
      AbortSignal.any([deadline, ...(signal === undefined ? [] : [signal])]),
    );
    if (END.test(answer)) return answer.trimEnd();
    throw fail('unreachable', 'broke off its answer');
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof LoadBalancerError) throw cause;
    if (deadline.aborted) throw fail('deadline', `gave no answer within ${ANSWER_MS} ms`, cause);
    throw fail('unreachable', `gave no answer (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
}

export const describeBalancer = ({ name, endpoint }: Balancer): string => `load balancer ${name} at ${endpoint}`;

/** The name, if it can stand in a command. */
export function nameInCommand(balancer: Balancer, what: 'backend' | 'server', name: string): string {
  if (NAME.test(name)) return name;
  const expected = `expected a ${what}'s name of letters, digits and _.:-, got ${JSON.stringify(name)}`;
  throw new LoadBalancerError('refused', `${describeBalancer(balancer)}: ${expected}`);
}

/** The path of a map, if it can stand in a command. */
export function mapInCommand(balancer: Balancer, path: string): string {
  if (PATH.test(path)) return path;
  const expected = `expected a map's absolute path of letters, digits and _.:-/, got ${JSON.stringify(path)}`;
  throw new LoadBalancerError('refused', `${describeBalancer(balancer)}: ${expected}`);
}

async function exchange({ endpoint }: Balancer, command: string, signal: AbortSignal): Promise<string> {
  const socket = connect({ ...target(endpoint), signal });
  try {
    socket.setEncoding('utf8');
    socket.write(`${command}\n`);
    let answer = '';
    for await (const chunk of socket) {
      answer += String(chunk);
      if (answer.length > MAX_ANSWER_BYTES) throw new Error(`more than ${MAX_ANSWER_BYTES} bytes`);
    }
    return answer;
  } finally {
    socket.destroy();
  }
}

/** The fleet file has checked its form. */
function target(endpoint: string): NetConnectOpts {
  const url = new URL(endpoint);
  if (url.protocol === 'unix:') return { path: decodeURIComponent(url.pathname) };
  // An address of IPv6 stands in brackets, which a socket does not want.
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) };
}

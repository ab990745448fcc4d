import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { FleetLoadBalancer } from '../../model/fleet.ts';
import { LoadBalancerError, type LoadBalancerFailure } from '../../model/load-balancer.ts';

export type Balancer = Pick<Extract<FleetLoadBalancer, { readonly type: 'elbv2' }>, 'name' | 'region' | 'endpoint'>;

/** Longest one question may take, with its tries and the search for credentials; ms. */
const ANSWER_MS = 20_000;
/** Longest one try may take, and its connection; ms. AWS answers within one second. */
const TRY_MS = 8_000;
const CONNECT_MS = 3_000;
/** AWS refuses who asks too often for a moment; the client waits in between. */
const TRIES = 3;

/** The official client; it finds its credentials by itself: environment, shared files, the machine's own role. */
export const openElb = ({ region, endpoint }: Balancer): ElasticLoadBalancingV2Client =>
  new ElasticLoadBalancingV2Client({
    region,
    ...(endpoint === null ? {} : { endpoint }),
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: TRY_MS, throwOnRequestTimeout: true },
  });

type Question<Answer> = { readonly what: string; readonly ask: (abortSignal: AbortSignal) => Promise<Answer> };

/** Asks one thing within its time. Throws LoadBalancerError for a world that fails, the signal's reason when that aborts. */
export async function askElb<Answer>(
  balancer: Balancer,
  { what, ask }: Question<Answer>,
  signal?: AbortSignal,
): Promise<Answer> {
  signal?.throwIfAborted();
  const deadline = AbortSignal.timeout(ANSWER_MS);
  const ended = AbortSignal.any([deadline, ...(signal === undefined ? [] : [signal])]);
  try {
    // The client's search for credentials does not look at the signal.
    return await Promise.race([ask(ended), rejectWhen(ended)]);
  } catch (cause) {
    signal?.throwIfAborted();
    if (deadline.aborted) throw failure(balancer, 'deadline', `no answer within ${ANSWER_MS} ms to: ${what}`);
    throw toFailure(balancer, what, cause);
  }
}

export const failure = (balancer: Balancer, kind: LoadBalancerFailure, why: string): LoadBalancerError =>
  new LoadBalancerError(kind, `${describeBalancer(balancer)}: ${why}`);

export const describeBalancer = ({ name, region, endpoint }: Balancer): string =>
  `load balancer ${name} in ${region}${endpoint === null ? '' : ` at ${endpoint}`}`;

function rejectWhen(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('it took too long')), { once: true });
  });
}

/** Without the error itself: AWS's answer to a wrong signature quotes what was signed, and a session's token is in that. */
function toFailure(balancer: Balancer, what: string, cause: unknown): LoadBalancerError {
  const { name, message } = cause instanceof Error ? cause : { name: 'Error', message: String(cause) };
  const [said = ''] = message.split('\n');
  const status = statusOf(cause);
  if (name === 'CredentialsProviderError') {
    const todo = 'give the worker some in its environment, a shared credentials file, or a role';
    return failure(balancer, 'refused', `it was not asked to ${what}, since no AWS credentials were found; ${todo}`);
  }
  if (name === 'TimeoutError') return failure(balancer, 'deadline', `no answer in ${TRIES} tries to: ${what}`);
  if (status === null) return failure(balancer, 'unreachable', `no answer (${said || name}) to: ${what}`);
  return failure(balancer, kindOf(name, status), `expected it to ${what}, got ${name}: ${said}`);
}

/** The answer's status; null: there was no answer. */
function statusOf(cause: unknown): number | null {
  if (!(cause instanceof Error) || !('$metadata' in cause)) return null;
  const { $metadata } = cause;
  if (typeof $metadata !== 'object' || $metadata === null || !('httpStatusCode' in $metadata)) return null;
  return typeof $metadata.httpStatusCode === 'number' ? $metadata.httpStatusCode : null;
}

/** What passes with time counts as no answer: AWS is out of order, or was asked too often. */
function kindOf(name: string, status: number): LoadBalancerFailure {
  if (/NotFound(Exception)?$/.test(name)) return 'notFound';
  return status >= 500 || status === 429 || /Throttl|RequestLimitExceeded/.test(name) ? 'unreachable' : 'refused';
}

import type { RegistryAccess } from '../model/fleet.ts';
import { RegistryError } from '../model/registry.ts';
import type { Reference } from './oci/reference.ts';
import { answerChallenge, howToLogIn, parseChallenge } from './registry-auth.ts';

export type RegistryRequest = {
  readonly image: Reference;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT';
  /** Path below the repository, such as `manifests/1.0.0`; or the whole address that the registry gave. */
  readonly path: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Called for each attempt, since a stream is used up by one. */
  readonly body?: () => Uint8Array<ArrayBuffer> | ReadableStream;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** Speaks HTTP with registries: finds them, logs in, and says of a failure what to do about it. */
export interface RegistryHttp {
  /** Answers with statuses from 200 to 299 and 404; everything else is a RegistryError. */
  request(request: RegistryRequest): Promise<Response>;
  /** The body, as long as it has at most `limitBytes`. */
  read(response: Response, limit: { readonly image: Reference; readonly limitBytes: number }): Promise<Buffer>;
}

/** Once more after a connection that broke: a registry may have closed an idle one just then. */
const READ_ATTEMPTS = 2;

export function createRegistryHttp(registries: Readonly<Record<string, RegistryAccess>>): RegistryHttp {
  /** Authorization headers by registry, repository and kind of access; tokens live for minutes, a 401 renews them. */
  const authorizations = new Map<string, string>();

  async function request(wanted: RegistryRequest): Promise<Response> {
    const { registry, path } = wanted.image;
    const access = accessOf(registries, registry);
    const actions = wanted.method === 'GET' || wanted.method === 'HEAD' ? 'pull' : 'pull,push';
    const scope = `repository:${path}:${actions}`;
    const first = await send(wanted, access, authorizations.get(`${registry} ${scope}`));
    if (first.status !== 401) return settled(wanted, first);
    await first.body?.cancel();
    const challenge = parseChallenge(first.headers.get('www-authenticate'));
    if (challenge === null) throw refused(wanted, 401);
    const authorization = await answerChallenge({ challenge, registry, access, scope });
    authorizations.set(`${registry} ${scope}`, authorization);
    return settled(wanted, await send(wanted, access, authorization));
  }

  return { request, read: readBody };
}

/** https, but on this machine itself. */
function accessOf(registries: Readonly<Record<string, RegistryAccess>>, registry: string): RegistryAccess {
  const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])(:|$)/.test(registry);
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return registries[registry] ?? { endpoint: `${isLocal ? 'http' : 'https'}://${host}`, credentialsFile: null };
}

async function send(wanted: RegistryRequest, access: RegistryAccess, authorization?: string): Promise<Response> {
  const isRead = wanted.method === 'GET' || wanted.method === 'HEAD';
  for (let attempt = 1; ; attempt += 1) {
    const timeout = AbortSignal.timeout(wanted.deadlineMs);
    try {
      return await fetch(urlOf(wanted, access), {
        method: wanted.method,
        headers: { ...wanted.headers, ...(authorization === undefined ? {} : { authorization }) },
        signal: wanted.signal === undefined ? timeout : AbortSignal.any([timeout, wanted.signal]),
        ...(wanted.body === undefined ? {} : { body: wanted.body(), duplex: 'half' as const }),
      });
    } catch (cause) {
      wanted.signal?.throwIfAborted();
      if (isRead && attempt < READ_ATTEMPTS && !timeout.aborted) continue;
      throw unreachable(wanted.image, `${access.endpoint} ${timeout.aborted ? late(wanted) : reasonOf(cause)}`, cause);
    }
  }
}

function urlOf({ image, path }: RegistryRequest, access: RegistryAccess): URL {
  const base = new URL(access.endpoint);
  if (typeof path === 'string') return new URL(`/v2/${image.path}/${path}`, base);
  // A registry names itself as the hosts know it, where this machine reaches it by another address.
  return path.host === image.registry ? new URL(`${path.pathname}${path.search}`, base) : path;
}

async function settled(wanted: RegistryRequest, response: Response): Promise<Response> {
  if (response.ok || response.status === 404) return response;
  const said = (
    await readBody(response, { image: wanted.image, limitBytes: MAX_ERROR_BYTES }).catch(() => '')
  ).toString();
  if (response.status >= 500 || response.status === 429) {
    throw unreachable(wanted.image, `it answered with status ${response.status}: ${said.slice(0, MAX_QUOTED)}`, null);
  }
  throw refused(wanted, response.status, said);
}

async function readBody(
  response: Response,
  { image, limitBytes }: { readonly image: Reference; readonly limitBytes: number },
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      if (!(chunk instanceof Uint8Array)) continue;
      sizeBytes += chunk.length;
      // Leaving the loop cancels the rest.
      if (sizeBytes > limitBytes) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw unreachable(image, `its answer broke off after ${sizeBytes} bytes (${reasonOf(cause)})`, cause);
  }
  if (sizeBytes <= limitBytes) return Buffer.concat(chunks);
  const message = `expected at most ${limitBytes} bytes from registry ${image.registry} for ${image.path}, got more`;
  throw new RegistryError('refused', message);
}

/** A registry's error is a small JSON document. */
const MAX_ERROR_BYTES = 64 * 1024;
const MAX_QUOTED = 200;

function unreachable(image: Reference, what: string, cause: unknown): RegistryError {
  const message = `registry ${image.registry} can't be used for ${image.path}: ${what}`;
  return new RegistryError('unreachable', `${message}; check that it runs and is reached from here`, { cause });
}

function refused({ image, method }: RegistryRequest, status: number, said = ''): RegistryError {
  const todo = status === 401 || status === 403 ? howToLogIn(image.registry) : said.slice(0, MAX_QUOTED).trim();
  const message = `registry ${image.registry} refused ${method} for ${image.path} with status ${status}`;
  return new RegistryError('refused', `${message}; ${todo}`);
}

const late = ({ deadlineMs }: RegistryRequest): string => `did not answer within ${deadlineMs / 1000} s`;

/** fetch hides the reason, such as ECONNREFUSED, in the cause of the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause === undefined ? error.message : reasonOf(error.cause);
}

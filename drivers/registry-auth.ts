import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { RegistryAccess } from '../model/fleet.ts';
import { RegistryError } from '../model/registry.ts';

const Credentials = z.object({ username: z.string(), password: z.string() });
const Token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** What a 401 asks for, as its WWW-Authenticate header says. */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      readonly realm: string;
      readonly service: string | null;
      readonly scope: string | null;
    };

/** A token is some kB; a token server that sends more is none. */
const MAX_TOKEN_BYTES = 256 * 1024;
const TOKEN_DEADLINE_MS = 10_000;

export function parseChallenge(header: string | null): Challenge | null {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/s.exec(header ?? '') ?? [];
  if (scheme.toLowerCase() === 'basic') return { scheme: 'basic' };
  const fields = new Map([...rest.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
  const realm = fields.get('realm');
  if (scheme.toLowerCase() !== 'bearer' || realm === undefined || !URL.canParse(realm)) return null;
  return { scheme: 'bearer', realm, service: fields.get('service') ?? null, scope: fields.get('scope') ?? null };
}

/** The Authorization header that answers a challenge. Credentials are read when they are needed, and not kept. */
export async function answerChallenge(options: {
  readonly challenge: Challenge;
  readonly registry: string;
  readonly access: RegistryAccess;
  /** Asked for when the challenge names no scope. */
  readonly scope: string;
}): Promise<string> {
  const { challenge, registry, access } = options;
  const basic = await basicHeader(registry, access.credentialsFile);
  if (challenge.scheme === 'basic') {
    if (basic !== null) return basic;
    throw new RegistryError('refused', `registry ${registry} wants a user; ${howToLogIn(registry)}`);
  }
  const url = new URL(challenge.realm);
  // A registry that is reached over TLS must not send the password over a plain connection.
  if (basic !== null && url.protocol !== 'https:' && access.endpoint.startsWith('https:')) {
    throw new RegistryError('refused', `registry ${registry} sends its users to ${url.origin}, which is not https`);
  }
  if (challenge.service !== null) url.searchParams.set('service', challenge.service);
  url.searchParams.set('scope', challenge.scope ?? options.scope);
  return `Bearer ${await fetchToken(url, { registry, basic })}`;
}

export const howToLogIn = (registry: string): string =>
  `name a credentialsFile for ${registry} under registries in the fleet file`;

async function basicHeader(registry: string, file: string | null): Promise<string | null> {
  if (file === null) return null;
  try {
    const { username, password } = Credentials.parse(JSON.parse(await readFile(file, 'utf8')));
    return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  } catch (cause) {
    // The cause could quote the file, and with it the password: it stays out.
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'another content';
    const message = `expected { "username": …, "password": … } for registry ${registry} in ${file}, got ${reason}`;
    throw new RegistryError('refused', message);
  }
}

async function fetchToken(
  url: URL,
  { registry, basic }: { readonly registry: string; readonly basic: string | null },
): Promise<string> {
  const response = await fetch(url, {
    headers: basic === null ? {} : { authorization: basic },
    signal: AbortSignal.timeout(TOKEN_DEADLINE_MS),
  }).catch((cause: unknown) => {
    throw new RegistryError(
      'unreachable',
      `${url.origin}, which issues tokens for registry ${registry}, did not answer`,
      {
        cause,
      },
    );
  });
  const length = Number(response.headers.get('content-length') ?? 0);
  const body = response.ok && length <= MAX_TOKEN_BYTES ? Token.safeParse(await response.json()) : null;
  const token = body?.data?.token ?? body?.data?.access_token;
  if (token !== undefined) return token;
  const message = `${url.origin} gave no token for registry ${registry} (status ${response.status})`;
  throw new RegistryError('refused', `${message}; ${howToLogIn(registry)}`);
}

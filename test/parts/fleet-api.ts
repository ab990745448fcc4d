import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Authenticated, Credentials } from '../../client/api/authenticate.ts';
import type { Identity } from '../../client/api/identity.ts';
import { createRequests } from '../../client/api/requests.ts';
import { createApi, type ServerTls } from '../../client/api/server.ts';
import type { FleetClient } from '../../client/fleet-client.ts';
import type { ApiAccess } from '../../client/remote/access.ts';
import { MemoryLasting } from '../fakes/lasting-values.ts';

/** A listening API over fleets, and what an operator of all of them needs to use it. */
export type FleetApi = AsyncDisposable & {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly access: ApiAccess;
  /** Requests that changed something, as they were audited: `POST /v1/… 202`. */
  readonly changes: () => readonly string[];
};

/** Who the token is. */
export const OPERATOR = 'ada@desk';
const TOKEN = 'an-operator-of-all-fleets';
const MOST = { requestsPerMinute: 100_000, changesPerMinute: 100_000, bodyBytes: 1024 ** 2 };

/** `port` absent: any that is free. */
type FleetApiOptions = { readonly tls?: ServerTls; readonly port?: number };

export async function startFleetApi(
  clients: readonly FleetClient[],
  { tls, port = 0 }: FleetApiOptions = {},
): Promise<FleetApi> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-fleet-api-'));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const [values, changes]: [MemoryLasting, string[]] = [new MemoryLasting(), []];
  const app = await createApi({
    clients: new Map(clients.map((client) => [client.fleet, client])),
    authenticate: async (credentials) => Promise.resolve(identify(credentials)),
    audit: {
      append: async ({ method, path, status }) => {
        await Promise.resolve();
        if (status !== null) changes.push(`${method} ${path} ${status}`);
      },
      // Nobody reads it here.
      newestFirst: async function* () {},
    },
    requests: createRequests(() => values),
    ...{ log: pino({ level: 'silent' }), limits: MOST, tls: tls ?? null },
  });
  const address = await app.listen({ host: '127.0.0.1', port });
  const url = tls === undefined ? address : address.replace('http:', 'https:');
  return {
    ...{ url, access: { url, tokenFile, caFile: null, client: null }, changes: () => changes },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function identify({ authorization, certificate }: Credentials): Authenticated {
  if (authorization === undefined && certificate?.isTrusted === true) return known('certificate');
  if (authorization === undefined) return { outcome: 'none' };
  if (authorization !== `Bearer ${TOKEN}`) return { outcome: 'unknown', why: 'another token' };
  return known('token');
}

const known = (by: Identity['by']): Authenticated => ({
  ...{ outcome: 'known', identity: { name: OPERATOR, by, role: 'operator', fleets: 'all' } },
});

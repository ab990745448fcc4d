import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { App } from '../../../client/api/app.ts';
import { openAuditLog, type AuditLog } from '../../../client/api/audit-log.ts';
import { createAuthenticate } from '../../../client/api/authenticate.ts';
import type { Role } from '../../../client/api/identity.ts';
import type { Limits } from '../../../client/api/limits.ts';
import { createRequests } from '../../../client/api/requests.ts';
import { createApi } from '../../../client/api/server.ts';
import { createToken } from '../../../client/api/token-file.ts';
import { openTokens } from '../../../client/api/tokens.ts';
import type { FleetClient } from '../../../client/fleet-client.ts';
import type { RunId } from '../../../client/run-end.ts';
import type { Watcher } from '../../../client/watch.ts';
import type { FleetId, UpgradeId } from '../../../model/ids.ts';
import { FakeFleetClient } from '../../fakes/fleet-client.ts';
import { MemoryLasting } from '../../fakes/lasting-values.ts';

/** Tests ask far more in a minute than anybody may. */
const LIMITS = { requestsPerMinute: 1_000_000, changesPerMinute: 1_000_000, bodyBytes: 64 * 1024 };

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: unknown;
};

export type Ask = {
  readonly as?: string | null;
  readonly body?: unknown;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** An API over fleets in memory, with real tokens and a real audit log. */
export type AnApi = AsyncDisposable & {
  readonly app: App;
  readonly lab: FakeFleetClient;
  readonly other: FakeFleetClient;
  readonly audit: AuditLog;
  readonly values: MemoryLasting;
  /** By a name such as `viewer`, `operator`, `admin`: those of fleet lab; `stranger`: an operator of fleet other. */
  readonly tokens: Readonly<Record<string, string>>;
  /** As the lab's operator unless said; null: without a token. */
  readonly ask: (method: 'GET' | 'POST' | 'HEAD', url: string, options?: Ask) => Promise<Answer>;
  /** Where it listens from now on. */
  readonly listen: () => Promise<string>;
};

type Options = {
  /** In place of the fleet in memory. */
  readonly clientOf?: (lab: FakeFleetClient) => FleetClient;
  readonly lab?: FakeFleetClient;
  /** In place of one on the disk. */
  readonly audit?: AuditLog;
  readonly values?: MemoryLasting;
  readonly auditFile?: string;
  readonly limits?: Limits;
};

export async function startApi(options: Options = {}): Promise<AnApi> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-api-'));
  const lab = options.lab ?? new FakeFleetClient();
  const other = new FakeFleetClient({ name: 'other' });
  const values = options.values ?? new MemoryLasting();
  const audit = options.audit ?? openAuditLog({ file: options.auditFile ?? join(folder, 'audit') });
  const tokensFile = join(folder, 'tokens.json');
  const tokens = await makeTokens(tokensFile, lab.fleet, other.fleet);
  const app = await createApi({
    clients: new Map<FleetId, FleetClient>([
      [lab.fleet, options.clientOf?.(lab) ?? lab],
      [other.fleet, other],
    ]),
    authenticate: createAuthenticate({ tokens: openTokens(tokensFile), oidc: null, certificates: new Map() }),
    ...{
      audit,
      requests: createRequests(() => values),
      log: pino({ level: 'error' }),
      limits: options.limits ?? LIMITS,
    },
  });
  return {
    ...{ app, lab, other, audit, values, tokens },
    ask: (method, url, asked = {}) => ask(app, tokens, { ...asked, method, url }),
    listen: async () => {
      await app.listen({ host: '127.0.0.1', port: 0 });
      return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    },
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Streams of the fleet end with the first look, so that what is at work keeps nobody waiting. */
export function endStreamsAtOnce({ upgrades, containers, services, units }: FakeFleetClient): void {
  Object.assign(upgrades, { watch: once((id: UpgradeId) => upgrades.progress(id)) });
  Object.assign(containers, { watch: once((run: RunId) => containers.look(run)) });
  Object.assign(services, { watch: once((run: RunId) => services.look(run)) });
  Object.assign(units, { watch: once((run: RunId) => units.look(run)) });
}

const once =
  <Of, Look>(lookAt: (of: Of) => Promise<Look | null>) =>
  async (of: Of, watcher: Watcher<Look>): Promise<Look | null> => {
    const look = await lookAt(of);
    if (look !== null) watcher.onProgress(look);
    return look;
  };

async function makeTokens(file: string, lab: FleetId, other: FleetId): Promise<Readonly<Record<string, string>>> {
  const roles: readonly (readonly [name: string, role: Role, fleet: FleetId])[] = [
    ['viewer', 'viewer', lab],
    ['operator', 'operator', lab],
    ['admin', 'admin', lab],
    ['stranger', 'operator', other],
  ];
  const tokens: Record<string, string> = {};
  for (const [name, role, fleet] of roles) {
    const created = await createToken(file, { name, role, fleets: [fleet], expiresAt: null });
    if (created.outcome !== 'created') throw new Error(`no token for ${name}: ${created.outcome}`);
    tokens[name] = created.token;
  }
  return tokens;
}

type Asked = Ask & { readonly method: 'GET' | 'POST' | 'HEAD'; readonly url: string };

async function ask(app: App, tokens: Readonly<Record<string, string>>, asked: Asked): Promise<Answer> {
  const { method, url, as = 'operator', body, key, headers = {} } = asked;
  const token = as === null ? undefined : (tokens[as] ?? as);
  const answer = await app.inject({
    ...{ method, url },
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { payload: JSON.stringify(body) }),
  });
  const isJson = String(answer.headers['content-type']).includes('json');
  const { statusCode: status, payload: text } = answer;
  return { status, headers: answer.headers, text, body: isJson && text !== '' ? JSON.parse(text) : null };
}

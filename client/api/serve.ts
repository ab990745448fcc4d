import type { FastifyBaseLogger } from 'fastify';
import { readFile } from 'node:fs/promises';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { createEtcdLasting } from '../../drivers/etcd/lasting.ts';
import { assert } from '../../model/assert.ts';
import type { Fleet } from '../../model/fleet.ts';
import type { FleetId } from '../../model/ids.ts';
import type { LastingValues } from '../../model/lasting.ts';
import { openFleetClient } from '../direct-fleet.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { App } from './app.ts';
import { openAuditLog } from './audit-log.ts';
import { createAuthenticate } from './authenticate.ts';
import { certificateIdentities } from './certificates.ts';
import { ApiConfigProblems, type ApiConfig, type TlsConfig } from './config.ts';
import { openOidc } from './oidc.ts';
import { createRequests, KEPT_MS } from './requests.ts';
import { createApi, type ServerTls } from './server.ts';
import { openTokens, readTokens } from './tokens.ts';

/** Longest that requests which are here get to end; ms. Streams of progress end at once. */
const END_MS = 10_000;

export type ServedApi = {
  /** `http://127.0.0.1:7280`. */
  readonly url: string;
  readonly fleets: readonly FleetId[];
  close(): Promise<void>;
};

/** Listens, over the fleets of the configuration. Throws ApiConfigProblems for what an administrator has to mend first. */
export async function serveApi(config: ApiConfig, log: FastifyBaseLogger): Promise<ServedApi> {
  const fleets = loadFleets(config);
  const tls = config.tls === null ? null : await readTls(config.tls);
  await checkTokens(config.tokensFile);
  const opened = openAll(fleets);
  try {
    const app = await createApi({
      clients: opened.clients,
      authenticate: createAuthenticate({
        tokens: openTokens(config.tokensFile),
        oidc: config.oidc === null ? null : openOidc(config.oidc),
        certificates: certificateIdentities(config.tls?.certificates ?? []),
      }),
      audit: openAuditLog({ file: config.auditFile }),
      requests: createRequests((fleet) => opened.valuesOf(fleet)),
      ...{ log, tls, limits: config.limits, trustedProxies: config.trustedProxies },
    });
    const url = await listen(app, config);
    return { url, fleets: [...fleets.keys()], close: () => end(app).finally(opened.close) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function loadFleets({ fleetFiles }: ApiConfig): ReadonlyMap<FleetId, Fleet> {
  const fleets = new Map<FleetId, Fleet>();
  for (const file of fleetFiles) {
    const fleet = loadFleet(file);
    if (fleets.has(fleet.fleet))
      throw new ApiConfigProblems(file, [`1:1: fleet: ${fleet.fleet} is in another file, too`]);
    fleets.set(fleet.fleet, fleet);
  }
  return fleets;
}

async function readTls({ certFile, keyFile, clientCaFile }: TlsConfig): Promise<ServerTls> {
  const read = (file: string): Promise<string> =>
    readFile(file, 'utf8').catch((cause: unknown) => {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
      throw new ApiConfigProblems(file, [`1:1: expected a file of PEM, got ${code}`]);
    });
  return {
    cert: await read(certFile),
    key: await read(keyFile),
    ca: clientCaFile === null ? null : await read(clientCaFile),
  };
}

/** Said at the start rather than at the first request. */
async function checkTokens(file: string): Promise<void> {
  await readTokens(file).catch((error: unknown) => {
    throw new ApiConfigProblems(file, [`1:1: ${error instanceof Error ? error.message : String(error)}`]);
  });
}

type Opened = {
  readonly clients: ReadonlyMap<FleetId, FleetClient>;
  readonly valuesOf: (fleet: FleetId) => LastingValues;
  readonly close: () => Promise<void>;
};

function openAll(fleets: ReadonlyMap<FleetId, Fleet>): Opened {
  const clients = new Map([...fleets].map(([name, fleet]) => [name, openFleetClient(fleet, { registries: 'named' })]));
  const values = new Map([...fleets].map(([name, { etcd }]) => [name, createEtcdLasting({ ...etcd, ttlMs: KEPT_MS })]));
  return {
    clients,
    valuesOf: (fleet) => {
      const found = values.get(fleet);
      assert(found !== undefined, `a request is of a fleet of this API, got ${fleet}`);
      return found;
    },
    close: async () => {
      for (const each of values.values()) each.close();
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

async function listen(app: App, { listen: { host, port }, tls }: ApiConfig): Promise<string> {
  try {
    const url = await app.listen({ host, port });
    // fastify did not make the server, and takes it for one without TLS.
    return tls === null ? url : url.replace(/^http:/, 'https:');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const why = code === 'EADDRINUSE' ? 'something else listens there' : `it can't be listened on (${code})`;
    throw new ApiConfigProblems('listen', [`1:1: ${host}:${port}: ${why}; choose another address`]);
  }
}

/** Nothing new is taken; what is here ends, or is cut off after the bound. */
async function end(app: App): Promise<void> {
  const late = setTimeout(() => app.server.closeAllConnections(), END_MS);
  await app.close().finally(() => clearTimeout(late));
}

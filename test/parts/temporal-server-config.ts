import type { TlsFiles } from '../../model/fleet.ts';

/** The parts of a Temporal server. The frontend within asks for no token, since only the server's own parts reach it. */
export const SERVER_PARTS = ['frontend', 'internal-frontend', 'history', 'matching', 'worker'] as const;

/** One for calls and one for the parts to find each other, for each of them. */
export const SERVER_PORTS = SERVER_PARTS.length * 2;

/** By the names of their tables' kinds. */
export const DATABASES = { temporal: 'temporal', visibility: 'temporal_visibility' } as const;

/** PostgreSQL's own limit is a hundred. */
const CONNECTIONS = 20;
/** Chosen once for the life of a database. A test's upgrades come one after another. */
const SHARDS = 4;
/** As the dev server's: the default of 20 makes every step wait 100 ms. */
const POLLS_PER_SECOND = 2_000;
/** As the dev server's: a worker that was killed leaves a question behind, which takes a task that is missed only then. */
const POLL = '10s';

export type ServerConfig = {
  readonly postgresPort: number;
  /** The first is the one that clients reach. */
  readonly ports: readonly number[];
  /** The server's certificate, and the authority of its clients'. */
  readonly tls: TlsFiles;
  readonly serverName: string;
  /** Where the key of the tokens is. */
  readonly keysUrl: string;
  readonly dynamicConfigFile: string;
};

/** What docs/operating.md shows, on one machine: JSON is YAML as well. */
export function temporalServerConfig(config: ServerConfig): string {
  const { ports, tls, serverName, keysUrl, dynamicConfigFile } = config;
  const clientPort = ports[0] ?? 0;
  const server = { certFile: tls.certFile, keyFile: tls.keyFile, requireClientAuth: true, clientCaFiles: [tls.caFile] };
  return JSON.stringify({
    log: { stdout: true, level: 'warn' },
    persistence: {
      ...{ defaultStore: 'store', visibilityStore: 'visibility', numHistoryShards: SHARDS },
      datastores: {
        store: database(config, DATABASES.temporal),
        visibility: database(config, DATABASES.visibility),
      },
    },
    global: {
      membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' },
      tls: { frontend: { server, client: { serverName, rootCaFiles: [tls.caFile] } } },
      authorization: {
        ...{ jwtKeyProvider: { keySourceURIs: [keysUrl] }, authorizer: 'default', claimMapper: 'default' },
      },
    },
    services: Object.fromEntries(SERVER_PARTS.map((part, index) => [part, { rpc: rpc(ports, index) }])),
    clusterMetadata: {
      ...{ enableGlobalNamespace: false, failoverVersionIncrement: 10 },
      ...{ masterClusterName: 'active', currentClusterName: 'active' },
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${clientPort}`,
        },
      },
    },
    dynamicConfigClient: { filepath: dynamicConfigFile, pollInterval: '60s' },
  });
}

/** What the dev server is told as well. Search attributes are there as soon as they are made. */
export const dynamicConfig = (): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries({
        'history.transferProcessorMaxPollRPS': POLLS_PER_SECOND,
        'history.timerProcessorMaxPollRPS': POLLS_PER_SECOND,
        'history.visibilityProcessorMaxPollRPS': POLLS_PER_SECOND,
        'matching.longPollExpirationInterval': POLL,
        'system.forceSearchAttributesCacheRefreshOnRead': true,
      }).map(([key, value]) => [key, [{ value }]]),
    ),
  );

const database = ({ postgresPort }: ServerConfig, databaseName: string): object => ({
  sql: {
    ...{ pluginName: 'postgres12', databaseName, connectAddr: `127.0.0.1:${postgresPort}`, connectProtocol: 'tcp' },
    // It trusts whoever reaches its port, but a server wants to have a password.
    ...{ user: 'postgres', password: 'none', maxConns: CONNECTIONS, maxIdleConns: CONNECTIONS },
  },
});

const rpc = (ports: readonly number[], index: number): object => ({
  ...{ grpcPort: ports[index * 2] ?? 0, membershipPort: ports[index * 2 + 1] ?? 0, bindOnLocalHost: true },
});

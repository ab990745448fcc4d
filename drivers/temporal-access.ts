import { loadClientConnectConfig } from '@temporalio/envconfig';
import { readFileSync } from 'node:fs';
import type { Fleet, FleetTemporal } from '../model/fleet.ts';
import { FleetFileProblems } from './fleet-file.ts';

type Environment = ReturnType<typeof loadClientConnectConfig>['connectionOptions'];

/** What a client's connection to Temporal is opened with, and a worker's. */
export type TemporalAccess = {
  readonly address: string;
  readonly namespace: string;
  readonly options: {
    readonly address: string;
    readonly apiKey?: string;
    readonly tls?: NonNullable<Environment['tls']>;
    readonly metadata?: NonNullable<Environment['metadata']>;
  };
};

/**
 * How the fleet's Temporal is reached. TEMPORAL_* variables and Temporal's own configuration file win over the fleet file: address,
 * namespace, token and TLS each as a whole, so that `TEMPORAL_TLS=false` is without. Throws FleetFileProblems for a file that can't be read.
 */
export function temporalAccess(fleet: Pick<Fleet, 'temporal'>): TemporalAccess {
  const { namespace, connectionOptions } = loadClientConnectConfig();
  const { metadata } = connectionOptions;
  const { address, namespace: own, tls: files, apiKeyFile } = fleet.temporal ?? NOWHERE;
  const tls = tlsOf(connectionOptions, files);
  const apiKey = apiKeyOf(connectionOptions, apiKeyFile);
  const place = connectionOptions.address ?? address;
  return {
    address: place,
    namespace: namespace ?? own,
    options: {
      address: place,
      ...(apiKey !== null && { apiKey }),
      ...(tls !== null && { tls }),
      ...(metadata !== undefined && { metadata }),
    },
  };
}

/** Where Temporal's own tools look as well. */
const NOWHERE = { address: 'localhost:7233', namespace: 'default', tls: null, apiKeyFile: null };

/** `true` is what a token alone makes of it: TLS of some kind, which the fleet file may say more of. */
function tlsOf({ tls }: Environment, files: FleetTemporal['tls']): NonNullable<Environment['tls']> | null {
  if (files === null || (tls !== undefined && tls !== null && tls !== true)) return tls ?? null;
  const { caFile, certFile, keyFile, serverName } = files;
  return {
    serverRootCACertificate: read(caFile),
    clientCertPair: { crt: read(certFile), key: read(keyFile) },
    ...(serverName !== null && { serverNameOverride: serverName }),
  };
}

function apiKeyOf({ apiKey }: Environment, file: string | null): string | null {
  if (typeof apiKey === 'string') return apiKey;
  return file === null ? null : read(file).toString('utf8').trim();
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new FleetFileProblems(file, [
      `1:1: expected this file, which temporal: of the fleet file names, got ${code}`,
    ]);
  }
}

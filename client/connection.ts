import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Fleet } from '../model/fleet.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for the first answer of a Temporal server; ms. One that is there answers within a few. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Longest pause between two tries to reach a server that went away; ms. A watcher sees it back soon. */
const RECONNECT_MS = 1_000;
/** gRPC's codes for a server that is not there, or did not answer in time. */
const UNREACHABLE_CODES: readonly number[] = [4, 14];

export type TemporalConnection = {
  readonly client: Client;
  readonly connection: Connection;
  readonly namespace: string;
  readonly address: string;
};

/** Where the fleet's Temporal is; TEMPORAL_* variables and Temporal's own configuration file win over the fleet file. */
export function temporalPlace(fleet: Fleet): Pick<TemporalConnection, 'address' | 'namespace'> {
  const { namespace, connectionOptions } = loadClientConnectConfig();
  return {
    address: connectionOptions.address ?? fleet.temporal?.address ?? 'localhost:7233',
    namespace: namespace ?? fleet.temporal?.namespace ?? 'default',
  };
}

/** Connects to it. Throws Unreachable when it doesn't answer. */
export async function connectTemporal(fleet: Fleet): Promise<TemporalConnection> {
  const { apiKey, tls, metadata } = loadClientConnectConfig().connectionOptions;
  const { address, namespace } = temporalPlace(fleet);
  try {
    const connection = await Connection.connect({
      address,
      connectTimeout: CONNECT_TIMEOUT_MS,
      channelArgs: { 'grpc.max_reconnect_backoff_ms': RECONNECT_MS },
      ...(typeof apiKey === 'string' && { apiKey }),
      ...(tls !== undefined && { tls }),
      ...(metadata !== undefined && { metadata }),
    });
    return { client: new Client({ connection, namespace }), connection, namespace, address };
  } catch (error) {
    throw new Unreachable(
      `temporal at ${address} does not answer; start it, or name another with TEMPORAL_ADDRESS or in the fleet file`,
      { cause: error },
    );
  }
}

/** Whether the failure means that the server was not there, rather than that it said no. */
export function isAway(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return UNREACHABLE_CODES.includes(cause.code);
  }
  return false;
}

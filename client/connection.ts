import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { FleetFileProblems } from '../drivers/fleet-file.ts';
import { temporalAccess, type TemporalAccess } from '../drivers/temporal-access.ts';
import type { Fleet } from '../model/fleet.ts';
import { Unreachable } from './unreachable.ts';

/** Longest wait for the first answer of a Temporal server; ms. One that is there answers within a few. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Longest pause between two tries to reach a server that went away; ms. A watcher sees it back soon. */
const RECONNECT_MS = 1_000;
/** gRPC's codes for a server that is not there, or did not answer in time. */
const UNREACHABLE_CODES: readonly number[] = [4, 14];
const NOT_FOUND = 5;
/** Permission denied, and unauthenticated. */
const NOT_ALLOWED_CODES: readonly number[] = [7, 16];

export type TemporalConnection = {
  readonly client: Client;
  readonly connection: Connection;
  readonly namespace: string;
  readonly address: string;
  /** Runs a call whose answers are waited for until `deadline`; ms since the epoch. */
  readonly until: <Result>(deadline: number, call: () => Promise<Result>) => Promise<Result>;
  /** Waits for the calls under way. The SDK tries one again by a timer, which on a closed connection ends the process. */
  readonly close: () => Promise<void>;
};

/** Connects to the fleet's Temporal. Throws Unreachable when it doesn't answer, or does not let us into the fleet's namespace. */
export async function connectTemporal(fleet: Fleet): Promise<TemporalConnection> {
  const access = accessTo(fleet);
  const { address, namespace } = access;
  const connection = await connect(access);
  try {
    // A namespace that is not there would look like one without upgrades.
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, async () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection.close();
    throw new Unreachable(refusal(access, error), { cause: error });
  }
  return { client: new Client({ connection, namespace }), connection, namespace, address, ...callsOf(connection) };
}

function callsOf(connection: Connection): Pick<TemporalConnection, 'until' | 'close'> {
  const underWay = new Set<Promise<unknown>>();
  return {
    until: async (deadline, call) => {
      const answer = connection.withDeadline(deadline, call);
      underWay.add(answer);
      return answer.finally(() => underWay.delete(answer));
    },
    close: async () => {
      // Bounded by their deadlines.
      while (underWay.size > 0) await Promise.allSettled(underWay);
      await connection.close();
    },
  };
}

/** Without its certificates or its token it is as good as away. */
function accessTo(fleet: Fleet): TemporalAccess {
  try {
    return temporalAccess(fleet);
  } catch (error) {
    if (error instanceof FleetFileProblems) throw new Unreachable(error.message, { cause: error });
    throw error;
  }
}

async function connect(access: TemporalAccess): Promise<Connection> {
  try {
    return await Connection.connect({
      ...access.options,
      connectTimeout: CONNECT_TIMEOUT_MS,
      channelArgs: { 'grpc.max_reconnect_backoff_ms': RECONNECT_MS },
    });
  } catch (error) {
    throw new Unreachable(awayText(access), { cause: error });
  }
}

function refusal(access: TemporalAccess, error: unknown): string {
  const { address, namespace } = access;
  const code: number | null = isGrpcServiceError(error) ? error.code : null;
  if (code === NOT_FOUND) {
    return `temporal at ${address} has no namespace ${namespace}; make it with: temporal operator namespace create -n ${namespace}`;
  }
  if (code !== null && NOT_ALLOWED_CODES.includes(code)) {
    return `temporal at ${address} does not let us use namespace ${namespace}; it wants another token: apiKeyFile of the fleet file, or TEMPORAL_API_KEY`;
  }
  return awayText(access);
}

/** Without TLS a server that wants it only hangs up, as if it were not there. */
const awayText = ({ address, options }: TemporalAccess): string =>
  `temporal at ${address} does not answer${typeof options.tls === 'object' ? ' over TLS' : ''}; start it, or name another with TEMPORAL_ADDRESS or in the fleet file`;

/** Whether the failure means that the server was not there, rather than that it said no. */
export function isAway(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isGrpcServiceError(cause)) return UNREACHABLE_CODES.includes(cause.code);
  }
  return false;
}

import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from 'pino';
import { findFleetFile, loadFleet } from '../drivers/fleet-file.ts';
import type { Fleet } from '../model/fleet.ts';
import { createLog, installRuntime } from './log.ts';
import { createPorts } from './ports.ts';
import { createRefitWorker } from './worker.ts';

/** As the command line's: wrong input 2, a service that can't be reached 3. */
const exitCodes = { failed: 1, wrongInput: 2, unreachable: 3 } as const;

async function main(): Promise<void> {
  const log = createLog();
  const opened = openFleet(log);
  if (opened === null) return;
  // Not before: the SDK's runtime keeps a process alive that has nothing to do.
  installRuntime(log);
  const { fleet, fleetFile } = opened;
  const temporal = await connect(fleet, log);
  if (temporal === null) return;
  const { ports, close } = createPorts(fleetFile, (message, fields) => log.info(fields, message));
  try {
    const { connection, namespace, address } = temporal;
    const worker = await createRefitWorker({ connection, namespace, fleet: fleet.fleet, ports });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        log.info({ signal }, 'worker drains');
        worker.shutdown();
      });
    }
    const running = worker.run();
    log.info({ fleet: fleet.fleet, address, namespace, pid: process.pid }, 'worker started');
    await running;
    log.info({ fleet: fleet.fleet }, 'worker ended');
  } finally {
    close();
    await temporal.connection.close();
  }
}

function openFleet(log: Logger): { readonly fleet: Fleet; readonly fleetFile: string } | null {
  try {
    const fleetFile = findFleetFile();
    return { fleet: loadFleet(fleetFile), fleetFile };
  } catch (error) {
    log.error(describe(error));
    process.exitCode = exitCodes.wrongInput;
    return null;
  }
}

type Temporal = { readonly connection: NativeConnection; readonly namespace: string; readonly address: string };

/** TEMPORAL_* variables and Temporal's own configuration file win over the fleet file. */
async function connect(fleet: Fleet, log: Logger): Promise<Temporal | null> {
  const config = loadClientConnectConfig();
  const { address: configured, apiKey, tls, metadata } = config.connectionOptions;
  const address = configured ?? fleet.temporal?.address ?? 'localhost:7233';
  const namespace = config.namespace ?? fleet.temporal?.namespace ?? 'default';
  try {
    const connection = await NativeConnection.connect({
      address,
      ...(typeof apiKey === 'string' && { apiKey }),
      ...(tls !== undefined && { tls }),
      ...(metadata !== undefined && { metadata }),
    });
    return { connection, namespace, address };
  } catch (error) {
    log.error({ address, cause: describe(error) }, `temporal at ${address} does not answer; start it, then the worker`);
    process.exitCode = exitCodes.unreachable;
    return null;
  }
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));

try {
  await main();
} catch (error) {
  process.stderr.write(`worker failed: ${describe(error)}\n`);
  process.exitCode = exitCodes.failed;
}

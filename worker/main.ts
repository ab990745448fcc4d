import type { Logger } from 'pino';
import { findFleetFile, loadFleet } from '../drivers/fleet-file.ts';
import { temporalAccess, type TemporalAccess } from '../drivers/temporal-access.ts';
import type { Fleet } from '../model/fleet.ts';
import { openTemporal, type Temporal } from './connection.ts';
import { becomeFirst } from './first.ts';
import { keepMark } from '../drivers/upgrader/mark.ts';
import { createLog, installRuntime } from './log.ts';
import { createPorts } from './ports.ts';
import { ownVersion } from './versions.ts';
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
  const temporal = await connect(opened.access, log);
  if (temporal === null) return;
  const version = ownVersion();
  const { ports, close } = createPorts({ fleetFile, log: (message, fields) => log.info(fields, message), temporal });
  try {
    const { connection, namespace, address } = temporal;
    const worker = await createRefitWorker({ connection, namespace, fleet: fleet.fleet, ports, version });
    const ending = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        log.info({ signal }, 'worker drains');
        ending.abort();
        worker.shutdown();
      });
    }
    const running = worker.run();
    const build = version?.build ?? null;
    log.info({ fleet: fleet.fleet, address, namespace, build, pid: process.pid }, 'worker started');
    if (version !== null) {
      keepMark(() => worker.getState() === 'RUNNING', ending.signal);
      await Promise.race([
        running,
        becomeFirst(version.build, { versions: ports.workerVersions, signal: ending.signal, log }),
      ]);
    }
    await running;
    log.info({ fleet: fleet.fleet }, 'worker ended');
  } finally {
    close();
    await temporal.connection.close();
  }
}

type Opened = { readonly fleet: Fleet; readonly fleetFile: string; readonly access: TemporalAccess };

function openFleet(log: Logger): Opened | null {
  try {
    const fleetFile = findFleetFile();
    const fleet = loadFleet(fleetFile);
    return { fleet, fleetFile, access: temporalAccess(fleet) };
  } catch (error) {
    log.error(describe(error));
    process.exitCode = exitCodes.wrongInput;
    return null;
  }
}

/** Null, after saying so, when it does not answer. */
async function connect(access: TemporalAccess, log: Logger): Promise<Temporal | null> {
  try {
    return await openTemporal(access);
  } catch (error) {
    const { address } = access;
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

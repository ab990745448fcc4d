import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { MAX_REPLAY_FAULTS, type ReplayResult } from '../../activities/self-upgrade-activities.ts';
import { findFleetFile, loadFleet } from '../../drivers/fleet-file.ts';
import { temporalAccess, type TemporalAccess } from '../../drivers/temporal-access.ts';
import type { FleetId } from '../../model/ids.ts';
import { taskQueue } from '../../workflows/messages.ts';
import { bundleWorkflows } from '../bundle.ts';
import { replayAll, type Replayed } from './replay.ts';

/** As the command line's: wrong input 2, a service that can't be reached 3. 1: some run can't be gone on with. */
const exitCodes = { faults: 1, wrongInput: 2, unreachable: 3 } as const;
/** Longest wait for Temporal's first answer; ms. */
const CONNECT_MS = 10_000;

/** One line for each fault, and one in the end that says how it went; nothing is changed anywhere. */
async function main(): Promise<void> {
  // Faults are the answer, no news for a log; and standard output belongs to the lines.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const opened = openFleet();
  if (opened === null) return;
  const connection = await connect(opened.access);
  if (connection === null) return;
  try {
    const client = new Client({ connection, namespace: opened.access.namespace });
    tell(
      await replayAll({
        client,
        taskQueue: taskQueue(opened.fleet),
        corpus: process.env['REFIT_CORPUS'] ?? null,
        workflowBundle: await bundleWorkflows(),
      }),
    );
  } finally {
    await connection.close();
  }
}

function openFleet(): { readonly fleet: FleetId; readonly access: TemporalAccess } | null {
  try {
    const fleet = loadFleet(findFleetFile());
    return { fleet: fleet.fleet, access: temporalAccess(fleet) };
  } catch (error) {
    return failed(exitCodes.wrongInput, describe(error));
  }
}

async function connect({ options }: TemporalAccess): Promise<Connection | null> {
  try {
    return await Connection.connect({ ...options, connectTimeout: CONNECT_MS });
  } catch (error) {
    return failed(exitCodes.unreachable, `temporal at ${options.address} does not answer: ${describe(error)}`);
  }
}

function tell({ runs, corpus, faults }: Replayed): void {
  if (faults.length === 0) {
    say({ outcome: 'replayed', runs, corpus });
    return;
  }
  for (const fault of faults) process.stdout.write(`${JSON.stringify(fault)}\n`);
  const named = faults.slice(0, MAX_REPLAY_FAULTS);
  say({ outcome: 'blocked', faults: named, more: faults.length - named.length });
  process.exitCode = exitCodes.faults;
}

function failed(exitCode: number, message: string): null {
  say({ outcome: 'failed', message });
  process.exitCode = exitCode;
  return null;
}

const say = (line: ReplayResult): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));

try {
  await main();
} catch (error) {
  failed(exitCodes.unreachable, describe(error));
}

import { readFile } from 'node:fs/promises';
import { describe, notYet, ready, waitFor } from './deadline.ts';
import { MARK, isAlive, startDetached, type Detached } from './detached.ts';
import { get } from './http.ts';
import type { LabPaths } from './paths.ts';
import { lastLines } from './programs.ts';
import type { LabState } from './state.ts';

/** It is ready in a third of a second; a large database after a kill takes longer. */
const START_DEADLINE_MS = 60_000;

/** Lines of its log that are shown when it does not start. */
const SHOWN_LINES = 10;

/** What upgrades are found by in the Web UI and on the command line. */
const SEARCH_ATTRIBUTES = ['RefitFleet', 'RefitUpgrade', 'RefitRelease', 'RefitPhase', 'RefitState'];

/** Polls a second of the server's queues. The default of 20 makes every step wait 100 ms; measured, this makes it 18. */
const POLLS_PER_SECOND = 2_000;

const POLLED_QUEUES = ['transfer', 'timer', 'visibility'];

export const temporalAddress = (state: LabState): string => `127.0.0.1:${state.temporal.port}`;

export const temporalUi = (state: LabState): string => `http://127.0.0.1:${state.temporal.uiPort}`;

/** Starts the server on the lab's ports and database; a killed one finds everything again. */
export function startTemporal(program: string, state: LabState, paths: LabPaths): Detached {
  const args = ['server', 'start-dev', ...serverFlags(state, paths.temporalDatabase)];
  return startDetached({ program, args, log: paths.temporalLog, cwd: paths.folder, env: { [MARK]: paths.folder } });
}

export async function waitForTemporal(state: LabState, detached: Detached, log: string): Promise<void> {
  const evidence = async (): Promise<string> => lastLines(await readFile(log, 'utf8').catch(describe), SHOWN_LINES);
  await waitFor(
    { what: `Temporal on ${temporalAddress(state)}`, deadlineMs: START_DEADLINE_MS, evidence },
    async () => {
      if (!isAlive(detached)) throw new Error(`Temporal has ended; see ${log}`);
      return (await isTemporalAlive(state)) ? ready(true) : notYet('it does not answer yet');
    },
  );
}

/** The Web UI asks the server itself, so its answer speaks for both. */
export async function isTemporalAlive(state: LabState): Promise<boolean> {
  return get(`${temporalUi(state)}/api/v1/namespaces/default`).then(
    ({ status, body }) => status === 200 && body.includes('namespaceInfo'),
    () => false,
  );
}

function serverFlags(state: LabState, database: string): readonly string[] {
  return [
    ...['--ip', '127.0.0.1', '--port', String(state.temporal.port), '--ui-port', String(state.temporal.uiPort)],
    ...['--log-level', 'warn', '--db-filename', database],
    // A killed server loses nothing with these, a power cut may lose its last commits: a lab's data can bear that.
    ...['--sqlite-pragma', 'journal_mode=wal', '--sqlite-pragma', 'synchronous=normal'],
    ...POLLED_QUEUES.flatMap((queue) => [
      '--dynamic-config-value',
      `history.${queue}ProcessorMaxPollRPS=${POLLS_PER_SECOND}`,
    ]),
    ...SEARCH_ATTRIBUTES.flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
  ];
}

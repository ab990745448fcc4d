import { readFile } from 'node:fs/promises';
import { describe, notYet, ready, waitFor } from './deadline.ts';
import { MARK, isAlive, startDetached, type Detached } from './detached.ts';
import { devServerArguments, isWebUiAlive } from './dev-server.ts';
import type { LabPaths } from './paths.ts';
import { lastLines } from './programs.ts';
import type { LabState } from './state.ts';

/** It is ready in a third of a second; a large database after a kill takes longer. */
const START_DEADLINE_MS = 60_000;

/** Lines of its log that are shown when it does not start. */
const SHOWN_LINES = 10;

export const temporalAddress = (state: LabState): string => `127.0.0.1:${state.temporal.port}`;

export const temporalUi = (state: LabState): string => `http://127.0.0.1:${state.temporal.uiPort}`;

/** Starts the server on the lab's ports and database; a killed one finds everything again. */
export function startTemporal(program: string, state: LabState, paths: LabPaths): Detached {
  const { port, uiPort } = state.temporal;
  const args = devServerArguments({ port, uiPort, database: paths.temporalDatabase });
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

export async function isTemporalAlive(state: LabState): Promise<boolean> {
  return isWebUiAlive(temporalUi(state));
}

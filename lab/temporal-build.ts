import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { borrowGo } from './go.ts';
import { call, type Say } from './programs.ts';

/** The newest version that is built without somebody's replacements of its modules; it carries the server below. */
export const CLI_VERSION = '1.5.1';
export const SERVER_VERSION = '1.29.1';

/** By the names that Temporal gives them. */
const packageOf = {
  temporal: 'github.com/temporalio/cli/cmd/temporal',
  'temporal-server': 'go.temporal.io/server/cmd/server',
  'temporal-sql-tool': 'go.temporal.io/server/cmd/tools/sql',
} as const;

export type TemporalProgram = keyof typeof packageOf;

/** Measured: two and a half minutes on two cores, however many of them; where one was built before, the others take ten seconds. */
const BUILD_DEADLINE_MS = 30 * 60_000;

/** All modules as the command line tool wants them, so that what is compiled for one program serves the others. */
const MODULE = `module refit.invalid/temporal

go 1.25.0

require (
	github.com/temporalio/cli v${CLI_VERSION}
	go.temporal.io/server v${SERVER_VERSION}
)
`;

/** Builds programs of Temporal from their source into the folder, each by its name. */
export async function buildTemporal(folder: string, programs: readonly TemporalProgram[], say: Say): Promise<void> {
  const go = await borrowGo(join(folder, 'go'), say);
  const source = join(folder, 'source');
  const built = join(folder, 'built');
  await Promise.all([mkdir(source), mkdir(built)]);
  await writeFile(join(source, 'go.mod'), MODULE);
  const packages = programs.map((program) => packageOf[program]);
  const options = { cwd: source, deadlineMs: BUILD_DEADLINE_MS, env: go.env };
  // What the machine's Go has cached already is used. The sums of the modules are asked for as they are needed.
  await call(go.program, ['build', '-mod=mod', '-o', `${built}/`, ...packages], options);
  for (const program of programs) await rename(join(built, goName(program)), join(folder, program));
}

/** Go names a program by its package's folder. */
const goName = (program: TemporalProgram): string => packageOf[program].split('/').at(-1) ?? program;

import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../lab/paths.ts';
import { isExecutable, type Say } from '../../lab/programs.ts';
import { SERVER_VERSION, buildTemporal, type TemporalProgram } from '../../lab/temporal-build.ts';
import { cachedCli, findTemporalCli } from '../../lab/temporal-cli.ts';

/** A Temporal server that keeps what it knows in a database of its own, and what makes its tables there. */
export type TemporalServerPrograms = { readonly server: string; readonly sqlTool: string };

const PROGRAMS = ['temporal-server', 'temporal-sql-tool'] as const satisfies readonly TemporalProgram[];

/** Those in the folder that the operator names, else of the cache, else built once from their source. */
export async function ensureTemporalServer(say: Say): Promise<TemporalServerPrograms> {
  const named = process.env['REFIT_TEMPORAL_SERVER'] ?? '';
  if (named !== '') return programsIn(named);
  const cached = join(cacheFolder(), `temporal-server-${SERVER_VERSION}`);
  const there = await Promise.all(PROGRAMS.map(async (program) => isExecutable(join(cached, program))));
  if (there.includes(false)) await build(cached, say);
  return programsIn(cached);
}

const programsIn = (folder: string): TemporalServerPrograms => ({
  server: join(folder, 'temporal-server'),
  sqlTool: join(folder, 'temporal-sql-tool'),
});

/** The command line tool comes along where there is none yet: nearly all of it is compiled for the server anyway. */
async function build(cached: string, say: Say): Promise<void> {
  const withCli = (await findTemporalCli()) === undefined;
  const programs: readonly TemporalProgram[] = withCli ? [...PROGRAMS, 'temporal'] : PROGRAMS;
  await mkdir(cached, { recursive: true });
  const scratch = await mkdtemp(join(dirname(cached), 'new-'));
  try {
    say(`building ${programs.join(', ')} of Temporal ${SERVER_VERSION} from their source (about 3 minutes, once)`);
    await buildTemporal(scratch, programs, say);
    if (withCli) await keep(join(scratch, 'temporal'), cachedCli());
    for (const program of PROGRAMS) await keep(join(scratch, program), join(cached, program));
  } catch (error) {
    const advice = `put Temporal's own ${PROGRAMS.join(' and ')} into a folder and name it in REFIT_TEMPORAL_SERVER`;
    throw new Error(`Temporal ${SERVER_VERSION} could not be built; ${advice}`, { cause: error });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function keep(program: string, place: string): Promise<void> {
  await mkdir(dirname(place), { recursive: true });
  await rename(program, place);
}

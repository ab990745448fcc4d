import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../../lab/paths.ts';
import { attempt, call, findProgram, isExecutable, type Say } from '../../lab/programs.ts';

/** What a test needs from Python's package index, in an environment of its own beside the other caches. */
export type PythonPackages = {
  /** Name and version, such as `moto-5.2.5`. */
  readonly name: string;
  /** Pinned, such as `moto==5.2.5`. */
  readonly packages: readonly string[];
};

/** Longest a set of packages may take to arrive; ms. */
const INSTALL_MS = 10 * 60_000;

/**
 * The environment's Python; made once, by the one test that needs it, so that no other waits for it. Scripts beside it name
 * the folder in which they were made, and that was another one: run modules.
 */
export async function ensurePackages({ name, packages }: PythonPackages, say: Say): Promise<string> {
  const folder = join(cacheFolder(), name);
  const python = join(folder, 'bin/python');
  if (await isExecutable(python)) return python;
  const interpreter = await ensurePython(say);
  say(`fetching ${name} (about 15 s)`);
  await mkdir(dirname(folder), { recursive: true });
  const scratch = await mkdtemp(join(dirname(folder), 'new-'));
  try {
    await call(interpreter, ['-m', 'venv', scratch], { deadlineMs: INSTALL_MS });
    const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...packages];
    await call(join(scratch, 'bin/python'), install, { deadlineMs: INSTALL_MS });
    await rename(scratch, folder);
  } catch (error) {
    // Another run of the tests may have been faster.
    if (!(await isExecutable(python))) throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return python;
}

/** One that can make environments of its own; Debian has that in a package apart. */
async function ensurePython(say: Say): Promise<string> {
  const found = await findProgram('python3');
  if (found !== undefined && (await attempt(found, ['-c', 'import ensurepip, venv'])).exitCode === 0) return found;
  if ((await findProgram('apt-get')) === undefined || process.getuid?.() !== 0) {
    throw new Error('the tests need python3 with venv; install python3-venv as root and run this again');
  }
  say('installing python3-venv (about 20 s)');
  const options = { deadlineMs: INSTALL_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await call('apt-get', ['update', '-q'], options);
  await call('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'python3-venv'], options);
  return '/usr/bin/python3';
}

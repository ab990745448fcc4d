import { join } from 'node:path';
import { isAlive, kill, signal, type Detached } from './detached.ts';
import { docker, tryDocker } from './docker.ts';
import { takeDown, type DownResult } from './down.ts';
import { insideHost } from './host.ts';
import { underLock } from './lock.ts';
import { DEFAULT_LAB, cacheFolder, containerName, labPaths, parseLabName, type LabPaths } from './paths.ts';
import { attempt, type Outcome, type Say } from './programs.ts';
import { readState, writeState, type LabState } from './state.ts';
import { labStatus, type LabStatus } from './status.ts';
import { ensureTemporalCli } from './temporal-cli.ts';
import { bringUp, launchTemporal, launchWorker, type UpOptions, type UpResult } from './up.ts';

/** A command on a host that says nothing about its deadline ends by then. */
const EXEC_DEADLINE_MS = 300_000;

/** The real hosts on this machine, and what runs beside them. */
export interface Lab {
  readonly name: string;
  readonly paths: LabPaths;
  up(options?: UpOptions): Promise<UpResult>;
  down(say?: Say): Promise<DownResult>;
  /** Nothing if the lab is not up. */
  status(): Promise<LabStatus | undefined>;
  state(): Promise<LabState | undefined>;
  container(host: string): string;
  exec(
    host: string,
    argv: readonly string[],
    options?: { readonly input?: string; readonly deadlineMs?: number },
  ): Promise<Outcome>;
  /** Ends the host as a loss of power does: nothing of it has a word in that. */
  cutPower(host: string): Promise<void>;
  /** Returns when the host begins its boot. */
  restorePower(host: string): Promise<void>;
  /** One more worker; it takes work when this returns. */
  startWorker(): Promise<Detached>;
  /** Sends the signal to every worker, or to the one; after SIGKILL it returns when they are gone. */
  killWorker(name?: NodeJS.Signals, only?: Detached): Promise<void>;
  /** On the same ports and database as before. */
  startTemporal(): Promise<Detached>;
  killTemporal(): Promise<void>;
}

const silent: Say = () => undefined;

/** The lab of that name in this folder, up or not. */
export function openLab(name: string = process.env['REFIT_LAB'] ?? DEFAULT_LAB, root: string = process.cwd()): Lab {
  const lab = parseLabName(name);
  if (lab === undefined) throw new Error(`"${name}" can't be a lab's name; take up to 20 letters, digits and dashes`);
  const paths = labPaths(lab, root);
  const alone = <T>(say: Say, work: () => Promise<T>): Promise<T> =>
    underLock(join(cacheFolder(), 'run', 'lab.lock'), say, work);
  const state = (): Promise<LabState | undefined> => readState(paths.stateFile);
  return {
    name: lab,
    paths,
    state,
    up: (options = {}) => {
      const say = options.say ?? silent;
      return alone(say, () => bringUp({ lab, paths, options, say }));
    },
    down: (say = silent) => alone(say, () => takeDown(lab, paths, say)),
    status: async () => {
      const known = await state();
      return known === undefined ? undefined : labStatus(known, paths);
    },
    container: (host) => containerName(lab, host),
    exec: async (host, argv, options = {}) => execOn((await state()) ?? { lab, vm: false }, host, { argv, ...options }),
    cutPower: async (host) => {
      // Off already is as good.
      const { exitCode, stderr } = await tryDocker(['kill', containerName(lab, host)]);
      if (exitCode !== 0 && !stderr.includes('is not running'))
        throw new Error(`${host} has its power still: ${stderr}`);
    },
    restorePower: async (host) => {
      await docker(['start', containerName(lab, host)]);
    },
    ...processes(paths, async () => (await state()) ?? notUp(lab)),
  };
}

type ProcessControl = Pick<Lab, 'startWorker' | 'killWorker' | 'startTemporal' | 'killTemporal'>;

/** What fault tests do to the processes on the machine. */
function processes(paths: LabPaths, known: () => Promise<LabState>): ProcessControl {
  return {
    startWorker: async () => {
      const { workers } = await launchWorker(paths, await known());
      return workers.at(-1) ?? notUp('worker');
    },
    killWorker: async (name = 'SIGKILL', only) => {
      const state = await known();
      const targets = state.workers.filter(
        (worker) => isAlive(worker) && (only === undefined || worker.pid === only.pid),
      );
      if (name !== 'SIGKILL') {
        for (const worker of targets) signal(worker, name);
        return;
      }
      await Promise.all(targets.map(kill));
      await writeState(paths.stateFile, { ...state, workers: state.workers.filter(isAlive) });
    },
    startTemporal: async () => {
      const { temporal } = await launchTemporal(paths, await known(), await ensureTemporalCli(silent));
      return temporal.process ?? notUp('Temporal');
    },
    killTemporal: async () => {
      const { temporal } = await known();
      if (temporal.process !== null) await kill(temporal.process);
    },
  };
}

async function execOn(
  lab: Pick<LabState, 'lab' | 'vm'>,
  host: string,
  options: { readonly argv: readonly string[]; readonly input?: string; readonly deadlineMs?: number },
): Promise<Outcome> {
  const { argv, ...rest } = options;
  const [exec = '', ...inside] = insideHost(lab, host);
  const args = [exec, ...(options.input === undefined ? [] : ['--interactive']), ...inside, ...argv];
  return attempt('docker', args, { deadlineMs: EXEC_DEADLINE_MS, ...rest });
}

function notUp(what: string): never {
  throw new Error(`${what} is not up; bring the lab up with: refit lab up`);
}

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { describe, notYet, ready, waitFor } from './deadline.ts';
import { needPrograms } from './debian.ts';
import { end, isAlive, processSchema, startDetached, type Detached } from './detached.ts';
import { docker, engineVersion } from './docker.ts';
import { cacheFolder } from './paths.ts';
import { findProgram, lastLines, type Say } from './programs.ts';

/** A started engine answers within a second; the rest is for a machine under load. */
const START_DEADLINE_MS = 30_000;

const CONTAINERD_SOCKET = '/run/containerd/containerd.sock';

/** Lines of a log that are shown when something does not start. */
const SHOWN_LINES = 10;

const ownEngineSchema = z.object({ containerd: processSchema.nullable(), dockerd: processSchema });

type OwnEngine = z.infer<typeof ownEngineSchema>;

/** The engine is shared by all labs of the machine, so what was started is remembered beside the cache. */
const runFolder = (): string => join(cacheFolder(), 'run');
const engineFile = (): string => join(runFolder(), 'engine.json');

/** Uses the Docker Engine that is there, else installs and starts one. */
export async function ensureEngine(say: Say): Promise<void> {
  const programs = (await findProgram('docker')) !== undefined;
  if (programs && 'version' in (await engineVersion())) return;
  await needPrograms(['dockerd', 'docker', 'containerd', 'iptables'], say);
  // The package's own script starts the engine where it can.
  if ('version' in (await engineVersion())) return;
  if (process.getuid?.() !== 0) throw new Error('no Docker Engine is reached; start it, or run this as root');
  say('starting the Docker Engine');
  await startEngine();
}

/** Whether there is an engine to ask; one that a lab started and that has died since is started again. */
export async function reviveEngine(say: Say): Promise<boolean> {
  if ('version' in (await engineVersion())) return true;
  if ((await readOwnEngine({ evenWithoutEngine: true })) === undefined) return false;
  await ensureEngine(say);
  return true;
}

/** Stops the engine if a lab started it and nothing is left on it. Returns what was done, for people. */
export async function releaseEngine(): Promise<string | undefined> {
  const own = await readOwnEngine();
  if (own === undefined) return undefined;
  const containers = (await docker(['ps', '--all', '--quiet'])).split('\n').filter((line) => line !== '');
  if (containers.length > 0) return `left the Docker Engine running, it has ${containers.length} other containers`;
  await end(own.dockerd);
  if (own.containerd !== null) await end(own.containerd);
  await rm(engineFile(), { force: true });
  return 'stopped the Docker Engine that the lab had started';
}

async function startEngine(): Promise<void> {
  await mkdir(runFolder(), { recursive: true });
  const containerd = existsSync(CONTAINERD_SOCKET) ? await runningContainerd() : await startContainerd();
  const log = join(runFolder(), 'dockerd.log');
  const program = (await findProgram('dockerd')) ?? 'dockerd';
  // Containers outlive this engine (live-restore), so a killed engine costs no lab.
  const args = ['--containerd', CONTAINERD_SOCKET, '--live-restore'];
  const dockerd = startDetached({ program, args, log, cwd: '/' });
  await writeFile(engineFile(), JSON.stringify({ containerd, dockerd } satisfies OwnEngine));
  await waitFor(
    { what: 'the Docker Engine to answer', deadlineMs: START_DEADLINE_MS, evidence: () => tail(log) },
    async () => {
      const engine = await engineVersion();
      return 'version' in engine ? ready(engine.version) : notYet(engine.problem);
    },
  );
}

/** A socket left by a containerd that was killed is no containerd. */
async function runningContainerd(): Promise<Detached | null> {
  const own = await readOwnEngine({ evenWithoutEngine: true });
  if (own?.containerd !== undefined && own.containerd !== null && isAlive(own.containerd)) return own.containerd;
  const listening = (await readFile('/proc/net/unix', 'utf8')).includes(CONTAINERD_SOCKET);
  return listening ? null : startContainerd();
}

async function startContainerd(): Promise<Detached> {
  const log = join(runFolder(), 'containerd.log');
  const program = (await findProgram('containerd')) ?? 'containerd';
  const containerd = startDetached({ program, args: ['--address', CONTAINERD_SOCKET], log, cwd: '/' });
  await waitFor({ what: 'containerd to listen', deadlineMs: START_DEADLINE_MS, evidence: () => tail(log) }, () =>
    Promise.resolve(existsSync(CONTAINERD_SOCKET) ? ready(true) : notYet('no socket')),
  );
  return containerd;
}

async function readOwnEngine(options = { evenWithoutEngine: false }): Promise<OwnEngine | undefined> {
  const text = await readFile(engineFile(), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const own = ownEngineSchema.parse(JSON.parse(text));
  return options.evenWithoutEngine || isAlive(own.dockerd) ? own : undefined;
}

async function tail(log: string): Promise<string> {
  return lastLines(await readFile(log, 'utf8').catch(describe), SHOWN_LINES);
}

import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { docker } from '../../../lab/docker.ts';
import { createEngineDaemon } from '../../../drivers/docker/daemon.ts';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import type { EngineDaemon } from '../../../model/engine.ts';
import { enginePackages, repackEngine, type EngineVariant } from './engine-packages.ts';
import { publishWebImage } from './members.ts';
import { lab, onHost, refitJson } from './refit.ts';

/** Pause between two looks of a meter; ms. */
const LOOK_MS = 20;
const CONFIG = '/etc/docker/daemon.json';

/** While this file is there, direct requests go on. */
const DIRECT = '/run/engine-direct';
const APT = '/var/cache/apt/archives';

/** Builds and pushes a release that is one engine step: `next` brings containerd as well. Its reference. */
export async function publishEngine(variant: EngineVariant, folder: string): Promise<string> {
  const dir = join(folder, variant);
  await mkdir(dir, { recursive: true });
  const packages = (await enginePackages()).filter(({ name }) => variant === 'next' || name === 'docker.io');
  for (const one of packages) await repackEngine(one, variant, join(dir, `${one.name}.deb`));
  const version = `1.${Math.floor(Date.now() / 1000)}.0`;
  await writeFile(
    join(dir, 'release.yaml'),
    manifest(
      version,
      packages.map(({ name }) => `${name}.deb`),
    ),
  );
  const to = `registry.lab:5000/host-engine:${version}`;
  await refitJson(['release', 'build', dir, '--push', to]);
  return to;
}

/** For the way back, where apt would have kept the packages of what is installed. */
export async function keepEnginePackages(hosts: readonly string[]): Promise<void> {
  for (const { file } of await enginePackages()) {
    for (const host of hosts) await docker(['cp', file, `${lab.container(host)}:${APT}/${basename(file)}`]);
  }
}

export async function dropEnginePackages(hosts: readonly string[]): Promise<void> {
  const files = (await enginePackages()).map(({ file }) => `${APT}/${basename(file)}`);
  for (const host of hosts) await onHost(host, ['rm', '-f', ...files]);
}

const manifest = (version: string, files: readonly string[]): string => `name: host-engine
version: ${version}
host:
  deadline: 5m
  diskFree: 100MiB
  steps:
    - { id: engine, type: engine, files: [${files.join(', ')}], timeout: 60s }
  health:
    minHealthyTime: 200ms
    deadline: 1m
    probes:
      - { type: unit, unit: docker.service }
`;

/** Three that differ in who would start them again; the first is published where the lab's load comes in. */
export const CONTAINERS = ['engine-front', 'engine-inner', 'engine-plain'] as const;

export async function startContainers(host: string): Promise<void> {
  const image = await publishWebImage({ version: '1.0.0' });
  await onHost(host, ['docker', 'pull', '--quiet', image]);
  const [front, inner, plain] = CONTAINERS;
  const run = (name: string, ...options: readonly string[]): Promise<string> =>
    onHost(host, ['docker', 'run', '--detach', '--name', name, ...options, image]);
  await run(front, '--restart', 'always', '--publish', '8080:8080');
  await run(inner, '--restart', 'unless-stopped');
  await run(plain);
}

export const removeContainers = (host: string): Promise<string> =>
  onHost(host, ['sh', '-c', `docker rm --force ${CONTAINERS.join(' ')} > /dev/null 2>&1 || true`]);

/** What another start of one would change: id, process, time. */
export const standing = async (host: string): Promise<readonly string[]> => {
  const format = '{{.Name}} {{.Id}} {{.State.Pid}} {{.State.StartedAt}}';
  return (await onHost(host, ['docker', 'inspect', '--format', format, ...CONTAINERS])).split('\n');
};

export async function frontUrl(host: string): Promise<string> {
  const port = (await lab.state())?.hosts.find(({ name }) => name === host)?.ports.http;
  return `http://127.0.0.1:${port ?? 0}/`;
}

export function engineOf(host: string): EngineDaemon {
  const access = loadFleet(lab.paths.fleetFile).hosts.find(({ name }) => name === host)?.engine;
  if (access === undefined) throw new Error(`the lab's fleet file has no ${host}`);
  return createEngineDaemon(access, host);
}

/** The engine without the setting that the lab gives it, as Docker's default is. Its containers start anew. */
export async function forgetLiveRestore(host: string): Promise<void> {
  const edit = `cp -a ${CONFIG} ${CONFIG}.lab && sed -i '/"live-restore"/d' ${CONFIG} && systemctl restart docker`;
  await onHost(host, ['sh', '-c', edit]);
}

/** As the lab made it, if it was changed. */
export async function restoreLiveRestore(host: string): Promise<void> {
  const edit = `if [ -e ${CONFIG}.lab ]; then mv ${CONFIG}.lab ${CONFIG} && systemctl reload docker; fi`;
  await onHost(host, ['sh', '-c', edit]);
}

export const configOf = (host: string): Promise<string> => onHost(host, ['cat', CONFIG]);

/** Requests from the host itself, straight to the address of the first container, past all publishing. */
export async function startDirectRequests(host: string): Promise<{ stop: () => Promise<readonly string[]> }> {
  const format = '{{.NetworkSettings.IPAddress}}';
  const address = await onHost(host, ['docker', 'inspect', '--format', format, CONTAINERS[0]]);
  const ask = `curl --silent --output /dev/null --write-out '%{http_code}\\n' --max-time 2 http://${address}:8080/`;
  const script = `touch ${DIRECT}; while [ -e ${DIRECT} ]; do ${ask} || true; sleep 0.02; done`;
  const codes = onHost(host, ['sh', '-c', script]);
  return {
    stop: async () => {
      await onHost(host, ['rm', '-f', DIRECT]);
      return (await codes).split('\n');
    },
  };
}

export interface Meter {
  /** Answers, and the longest time without one; ms. */
  stop(): Promise<{ readonly answers: number; readonly longestMs: number }>;
}

/** Asks again and again; one that throws was not answered. */
export function startMeter(ask: () => Promise<unknown>): Meter {
  const stopping = new AbortController();
  let [answers, longestMs, last] = [0, 0, performance.now()];
  const asking = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const isAnswered = await ask().then(
        () => true,
        () => false,
      );
      const now = performance.now();
      if (isAnswered) {
        longestMs = Math.max(longestMs, now - last);
        last = now;
        answers += 1;
      }
      await sleep(LOOK_MS);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await asking;
      return { answers, longestMs: Math.round(Math.max(longestMs, performance.now() - last)) };
    },
  };
}

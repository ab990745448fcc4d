import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Engine } from '../model/engine.ts';
import { defaultServicePolicy } from '../model/service.ts';
import { freePort } from '../test/parts/free-ports.ts';
import type { Place } from './in-place.ts';

/** Longest one command takes; ms. */
const COMMAND_MS = 120_000;
const INSTALL_MS = 15 * 60_000;
/** The server inside, and how it is told to end. */
const PORT = 8080;
const STOP_SECONDS = 10;

/** One way to move a container from one image to another. */
export type Way = {
  readonly name: string;
  readonly port: number;
  /** Ends when the container serves from the image, or will. */
  readonly move: (image: string) => Promise<void>;
  readonly close: () => Promise<void>;
};

/** refit's own replacement, as worker and agent do it. */
export const byRefit =
  (engine: Engine) =>
  async ({ port, images, dockerHost }: Place): Promise<Way> => {
    const container = `refit-bench-${port}`;
    const docker = client(dockerHost);
    for (const image of images) await docker(['pull', '--quiet', image]);
    await run(docker, container, { port, image: images[0] ?? '' });
    const health = { ...defaultServicePolicy.health, minHealthyTimeMs: 0 };
    const how = {
      base: 'kept',
      settings: {},
      labels: {},
      until: 'healthy',
      onFailure: 'putBack',
      failed: null,
    } as const;
    return {
      ...{ name: 'refit, in place', port },
      move: async (image) => {
        const { outcome } = await engine.replaceContainer({ container, image, ...how, health, keepOld: false });
        if (outcome !== 'replaced') throw new Error(`the container was not replaced: ${outcome}`);
      },
      close: async () => docker(['rm', '--force', container]),
    };
  };

/** No move at all: what any way must wait for. */
export const bareRestart =
  (engine: Engine) =>
  async ({ port, images, dockerHost }: Place): Promise<Way> => {
    const container = `refit-bench-${port}`;
    const docker = client(dockerHost);
    await run(docker, container, { port, image: images[0] ?? '' });
    return {
      ...{ name: 'bare stop and start of the same container', port },
      move: async () => {
        await engine.stopContainer(container, { timeoutS: STOP_SECONDS });
        await engine.startContainer(container);
      },
      close: async () => docker(['rm', '--force', container]),
    };
  };

export async function byCommands({ port, images, dockerHost }: Place): Promise<Way> {
  const container = `refit-bench-${port}`;
  const docker = client(dockerHost);
  await run(docker, container, { port, image: images[0] ?? '' });
  return {
    ...{ name: 'docker stop, rm and run', port },
    move: async (image) => {
      await docker(['stop', container]);
      await docker(['rm', container]);
      await run(docker, container, { port, image });
    },
    close: async () => docker(['rm', '--force', container]),
  };
}

export async function byCompose({ port, images, dockerHost }: Place): Promise<Way> {
  const version = await ensureCompose();
  const folder = await mkdtemp(join(tmpdir(), 'refit-bench-compose-'));
  const up = async (image: string): Promise<void> => {
    const service = `  web: { image: "${image}", ports: ["127.0.0.1:${port}:${PORT}"], network_mode: bridge }`;
    await writeFile(join(folder, 'docker-compose.yml'), `version: "2.4"\nservices:\n${service}\n`);
    await compose(['up', '-d']);
  };
  const compose = async (args: readonly string[]): Promise<void> => {
    await execa('docker-compose', args, { cwd: folder, timeout: COMMAND_MS, env: { DOCKER_HOST: dockerHost } });
  };
  await up(images[0] ?? '');
  return {
    ...{ name: `${version}, up with the new image`, port },
    move: up,
    close: async () => {
      await compose(['down']);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Swarm keeps no container's name, address or anonymous volume: it is measured for the time alone. */
export async function bySwarm({ port, images, dockerHost }: Place): Promise<Way> {
  const docker = client(dockerHost);
  const name = 'docker service update, one replica';
  const service = `refit-bench-${port}`;
  await docker(['swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', `127.0.0.1:${await freePort()}`]);
  const publish = ['--publish', `mode=host,published=${port},target=${PORT}`];
  const how = [
    '--detach=false',
    '--quiet',
    '--update-order',
    'stop-first',
    '--update-monitor',
    '100ms',
    '--no-resolve-image',
  ];
  await docker(['service', 'create', '--name', service, ...publish, ...how, images[0] ?? '']);
  return {
    ...{ name, port },
    move: async (image) =>
      docker(['service', 'update', '--detach=false', '--quiet', '--no-resolve-image', '--image', image, service]),
    close: async () => docker(['swarm', 'leave', '--force']),
  };
}

type Docker = (args: readonly string[]) => Promise<void>;

const client =
  (host: string): Docker =>
  async (args) => {
    await execa('docker', ['--host', host, ...args], { timeout: COMMAND_MS });
  };

async function run(
  docker: Docker,
  name: string,
  { port, image }: Pick<Way, 'port'> & { readonly image: string },
): Promise<void> {
  await docker(['run', '--detach', '--name', name, '--publish', `127.0.0.1:${port}:${PORT}`, image]);
}

/** Uses the compose that is there, else Debian's. */
async function ensureCompose(): Promise<string> {
  const ask = async (): Promise<string | null> => {
    const { exitCode, stdout } = await execa('docker-compose', ['version', '--short'], { reject: false });
    return exitCode === 0 ? `docker-compose ${stdout.trim()}` : null;
  };
  const found = await ask();
  if (found !== null) return found;
  process.stderr.write('bench: installing docker-compose to compare with (about 30 s)\n');
  const options = { timeout: INSTALL_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await execa('apt-get', ['update', '-q'], options);
  await execa('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'docker-compose'], options);
  return (await ask()) ?? 'docker-compose';
}

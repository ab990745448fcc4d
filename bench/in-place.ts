import { createEngine } from '../drivers/docker/engine.ts';
import { publishWeb } from '../lab/sample/web-image.ts';
import type { Fleet } from '../model/fleet.ts';
import { startEngine } from '../test/parts/engine.ts';
import { freePort } from '../test/parts/free-ports.ts';
import { bareRestart, byCommands, byCompose, byRefit, bySwarm, type Way } from './in-place-ways.ts';
import { askNeighboursSoon } from './neighbours.ts';
import { startProber } from './prober.ts';

/** Rounds; each way goes once in each, so that a busy moment of the machine hits all of them alike. */
const ROUNDS = 9;

export type Outages = {
  readonly name: string;
  /** Longest time between two answers in each round; ms. */
  readonly ms: readonly number[];
};

/** How long a container's users get no answer while it moves to another image, by refit and by what people use otherwise. */
export async function measureInPlace(
  registries: Fleet['registries'],
  say: (line: string) => void,
): Promise<readonly Outages[]> {
  await using _neighbours = await askNeighboursSoon();
  // One engine for all, of its own: swarm refuses one that keeps containers over its restart, as the lab's do.
  await using server = await startEngine({ liveRestore: false });
  const engine = createEngine(server.access, 'bench');
  const images = await Promise.all(['1.0.0', '2.0.0'].map((version) => publishWeb({ version, registries })));
  const local = images.map((image) => atLoopback(image, registries));
  const ways: readonly ((place: Place) => Promise<Way>)[] = [
    byRefit(engine),
    bareRestart(engine),
    byCompose,
    byCommands,
    bySwarm,
  ];
  const ready: Way[] = [];
  try {
    for (const open of ways) {
      const way = await open({ port: await freePort(), images: local, dockerHost: server.access.endpoint });
      ready.push(way);
    }
    const measured = new Map<string, number[]>(ready.map(({ name }) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const way of ready) {
        measured.get(way.name)?.push(await measure(way, local[(round + 1) % local.length] ?? ''));
      }
      say(`round ${round + 1} of ${ROUNDS}`);
    }
    return ready.map(({ name }) => ({ name, ms: measured.get(name) ?? [] }));
  } finally {
    for (const way of ready) await way.close();
  }
}

/** `images`: the two that the container goes between, on the engine by digest. */
export type Place = { readonly port: number; readonly images: readonly string[]; readonly dockerHost: string };

async function measure(way: Way, image: string): Promise<number> {
  const prober = await startProber(`http://127.0.0.1:${way.port}/`);
  await way.move(image);
  return prober.stop();
}

/** The machine's engine knows the lab's registry by its port on loopback only. */
function atLoopback(image: string, registries: Fleet['registries']): string {
  for (const [name, { endpoint }] of Object.entries(registries)) {
    if (image.startsWith(`${name}/`)) return image.replace(name, endpoint.replace(/^https?:\/\//, ''));
  }
  return image;
}

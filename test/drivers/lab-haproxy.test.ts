import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { createHaproxySlots } from '../../drivers/haproxy/slots.ts';
import { writeFleetFile } from '../../lab/fleet-file.ts';
import { layShopMap, mapsFolder } from '../../lab/haproxy.ts';
import { haproxyConfig, INSIDE, MAPS_FOLDER } from '../../lab/haproxy-config.ts';
import { labPaths, type LabPaths } from '../../lab/paths.ts';
import { attempt } from '../../lab/programs.ts';
import type { BalancedUnit, SlotBalancer } from '../../model/slot-balancer.ts';
import { eventually } from '../eventually.ts';
import { aLab } from '../lab/a-lab.ts';
import { freePorts } from '../parts/free-ports.ts';
import { startPart, type Part } from '../parts/process.ts';
import { findPart, partLibraries } from '../parts/programs.ts';
import { startWeb } from '../parts/web.ts';

const lab = aLab({ hosts: 4 });
const env = { LD_LIBRARY_PATH: partLibraries() };

let root: string;
let paths: LabPaths;
let unit: BalancedUnit;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'refit-lab-haproxy-'));
  paths = labPaths('lab', root);
  await mkdir(paths.folder, { recursive: true });
  await layShopMap(paths);
  await writeFleetFile(paths, lab);
  const [found] = loadFleet(paths.fleetFile).units;
  if (found?.balancer?.type !== 'haproxy') throw new Error('the fleet file of a lab has no unit behind HAProxy');
  // Here it is one process with the worker, so both name the map by the same path.
  const { mapFile } = found.balancer;
  unit = { unit: found.name, balancer: { ...found.balancer, map: mapFile } };
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('the load balancer of a lab', () => {
  test('takes its configuration without a warning', async () => {
    const config = await layConfig((text) => text);

    const { exitCode, stdout, stderr } = await attempt(await findPart('haproxy'), ['-c', '-f', config], { env });

    expect(`${stdout}${stderr}`.trim()).toBe('Configuration file is valid');
    expect(exitCode).toBe(0);
  });

  test('is what the fleet file says of the unit, and sends its requests to the slot that the map names', async () => {
    const [blue, green] = await Promise.all([startWeb('blue'), startWeb('green')]);
    const balancer = await startBalancer({ 8110: blue.port, 8120: green.port });
    const slots = createHaproxySlots({ name: 'edge', endpoint: balancer.endpoint });
    const served = async (): Promise<string> =>
      ((await (await fetch(balancer.web)).json()) as { version: string }).version;
    // Until its first check each server counts as one that is there.
    await eventually(async () => (await stateOf(slots)).join() === 'up,up');

    const before = { active: await slots.active(unit), served: await served() };
    const problems = await slots.problems(unit);
    await slots.cutOver(unit, 'green');

    expect(problems).toEqual([]);
    expect(before).toEqual({ active: 'blue', served: 'blue' });
    expect(await served()).toBe('green');
    expect(await readFile(join(mapsFolder(paths), 'shop.map'), 'utf8')).toBe('active green\n');
    await Promise.all([balancer.part.kill(), blue.close(), green.close()]);
  });

  test('keeps the slot that the map names when the lab is brought up again', async () => {
    await writeFile(join(mapsFolder(paths), 'shop.map'), 'active green\n');

    await layShopMap(paths);

    expect(await readFile(join(mapsFolder(paths), 'shop.map'), 'utf8')).toBe('active green\n');
  });
});

/** What is known of the servers of both slots, but for those that are down. */
async function stateOf(slots: SlotBalancer): Promise<readonly string[]> {
  const servers = (await Promise.all([slots.servers(unit, 'blue'), slots.servers(unit, 'green')])).flat();
  return servers.map(({ health }) => health).filter((health) => health !== 'down');
}

/** The configuration as a process on this machine can have it: its own accounts, and the folder of the maps where it is here. */
async function layConfig(edit: (text: string) => string): Promise<string> {
  const config = join(root, 'haproxy.cfg');
  const text = haproxyConfig(lab.hosts)
    .replace(/^ {2}(user|group) .*\n/gm, '')
    .replaceAll(MAPS_FOLDER, mapsFolder(paths));
  await writeFile(config, edit(text));
  return config;
}

/** Ports on loopback instead of its own, and processes here for members: of the first host's, by their ports. */
async function startBalancer(
  members: Readonly<Record<number, number>>,
): Promise<{ readonly part: Part; readonly web: string; readonly endpoint: string }> {
  const inside = Object.values(INSIDE);
  const ports = await freePorts(inside.length);
  const at = (port: number): number => ports[inside.findIndex((one) => one === port)] ?? 0;
  const config = await layConfig((text) => {
    const own = inside.reduce(
      (all, port) => all.replace(new RegExp(`^( {2}bind ):${port}$`, 'm'), `$1127.0.0.1:${at(port)}`),
      text,
    );
    const moved = own.replace(`ipv4@0.0.0.0:${INSIDE.runtime}`, `ipv4@127.0.0.1:${at(INSIDE.runtime)}`);
    const near = Object.entries(members).reduce(
      (all, [port, here]) => all.replace(`${lab.hosts[0]?.address ?? ''}:${port}`, `127.0.0.1:${here}`),
      moved,
    );
    // Nobody is at the others; a lab of this machine could be at their own.
    return near.replaceAll(' 10.213.7.', ' 127.213.7.');
  });
  const program = await findPart('haproxy');
  const part = startPart({ program, args: ['-db', '-f', config], logFile: join(root, 'log'), env });
  return { part, web: `http://127.0.0.1:${at(INSIDE.shopWeb)}`, endpoint: `tcp://127.0.0.1:${at(INSIDE.runtime)}` };
}

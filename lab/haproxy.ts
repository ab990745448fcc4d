import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createHaproxy } from '../drivers/haproxy/balancer.ts';
import type { BalancedServer } from '../model/load-balancer.ts';
import { ACTIVE_KEY } from '../model/slot-balancer.ts';
import { slots } from '../model/unit.ts';
import { createContainer } from './container.ts';
import { notYet, ready, waitFor } from './deadline.ts';
import { docker } from './docker.ts';
import { CONFIG_FILE, haproxyConfig, INSIDE, MAPS_FOLDER, SHOP_MAP, serverNames, WEB } from './haproxy-config.ts';
import type { HostContext } from './host.ts';
import { containerName, type LabPaths } from './paths.ts';
import type { LabState } from './state.ts';

/** The load balancer's name in the fleet file, and its container's. */
export const BALANCER_NAME = 'edge';

/** It answers within a tenth of a second. */
const START_DEADLINE_MS = 30_000;

/** Where its requests come in, and its runtime API, as this machine reaches them. */
export const webUrl = (balancer: Balancer): string => `http://127.0.0.1:${balancer.webPort}`;
/** null: the lab is of before there was the unit; it has it once it is brought up again. */
export const shopUrls = ({ shop }: Balancer): { readonly web: string; readonly api: string } | null =>
  shop === null ? null : { web: `http://127.0.0.1:${shop.webPort}`, api: `http://127.0.0.1:${shop.apiPort}` };
export const runtimeEndpoint = (balancer: Balancer): string => `tcp://127.0.0.1:${balancer.runtimePort}`;

type Balancer = NonNullable<LabState['balancer']>;

/** Maps of the lab's units on this machine; the balancer's container has the folder, since a renamed file is another one. */
export const mapsFolder = ({ folder }: Pick<LabPaths, 'folder'>): string => join(folder, BALANCER_NAME, 'units');
/** A lab's first answer to where the unit's requests go. */
const FIRST_MAP = `${ACTIVE_KEY} ${slots[0]}\n`;

/** Brings the lab's load balancer up, with a server for each member that a host can have. */
export async function ensureHaproxy(context: HostContext): Promise<void> {
  const { lab, balancer, hosts } = context.state;
  if (balancer === null) return;
  const name = containerName(lab, BALANCER_NAME);
  await layShopMap(context.paths);
  const now = await withoutOutdated(name, context.containers.get(name));
  if (now === undefined) await create(context, balancer);
  const isNew = await layConfig(context, name);
  if (now !== 'running') await docker(['start', name]);
  // It reads its configuration again, and breaks no request.
  else if (isNew) await docker(['kill', '--signal=USR2', name]);
  const evidence = (): Promise<string> => docker(['logs', '--tail', '10', name]);
  await waitFor({ what: 'the load balancer of the lab', deadlineMs: START_DEADLINE_MS, evidence }, async () => {
    for (const [backend, wanted] of serverNames(hosts)) {
      const known = (await readServers(balancer, backend)).map(({ name: server }) => server).join(', ');
      if (known !== wanted.join(', ')) return notYet(`backend ${backend} with servers ${known}`);
    }
    return ready(true);
  });
}

export async function isHaproxyAlive(balancer: Balancer): Promise<boolean> {
  return readServers(balancer, WEB).then(
    () => true,
    () => false,
  );
}

async function readServers(balancer: Balancer, backend: string): Promise<readonly BalancedServer[]> {
  return createHaproxy({ name: BALANCER_NAME, endpoint: runtimeEndpoint(balancer) }).servers(backend);
}

/** Once: afterwards it says what upgrades made of it. */
export async function layShopMap(paths: LabPaths): Promise<void> {
  const file = join(mapsFolder(paths), SHOP_MAP);
  if (existsSync(file)) return;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, FIRST_MAP, { mode: 0o644 });
  await rename(`${file}.new`, file);
}

/** A container of before there were units has neither their ports nor their maps: it makes room for another. */
async function withoutOutdated(name: string, now: string | undefined): Promise<string | undefined> {
  if (now === undefined) return undefined;
  const binds = await docker(['inspect', '--format', '{{json .HostConfig.Binds}}', name]);
  if (binds.includes(`:${MAPS_FOLDER}`)) return now;
  await docker(['rm', '--force', name]);
  return undefined;
}

/** Returns whether it is another one than before. */
async function layConfig({ state, paths }: HostContext, name: string): Promise<boolean> {
  const root = join(paths.folder, BALANCER_NAME);
  const file = join(root, CONFIG_FILE);
  const text = haproxyConfig(state.hosts);
  const isNew = (await readFile(file, 'utf8').catch(() => '')) !== text;
  await mkdir(dirname(file), { recursive: true });
  // Remembered last: a command that ends in between lays it again.
  await rm(file, { force: true });
  await writeFile(`${file}.new`, text, { mode: 0o644 });
  await docker(['cp', `${file}.new`, `${name}:${CONFIG_FILE}`]);
  await rename(`${file}.new`, file);
  return isNew;
}

async function create({ state, paths, image }: HostContext, balancer: Balancer): Promise<void> {
  await createContainer({
    lab: state.lab,
    folder: paths.folder,
    name: BALANCER_NAME,
    alias: `${BALANCER_NAME}.lab`,
    address: balancer.address,
    image,
    ports: new Map([[INSIDE.web, balancer.webPort], [INSIDE.runtime, balancer.runtimePort], ...shopPorts(balancer)]),
    volumes: new Map(),
    options: ['--stop-signal=SIGTERM', `--volume=${mapsFolder(paths)}:${MAPS_FOLDER}:ro`],
    command: ['haproxy', '-W', '-db', '-f', CONFIG_FILE],
  });
}

const shopPorts = ({ shop }: Balancer): readonly (readonly [number, number])[] =>
  shop === null
    ? []
    : [
        [INSIDE.shopWeb, shop.webPort],
        [INSIDE.shopApi, shop.apiPort],
      ];

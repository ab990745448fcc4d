import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createHaproxy } from '../drivers/haproxy/balancer.ts';
import type { BalancedServer } from '../model/load-balancer.ts';
import { createContainer } from './container.ts';
import { notYet, ready, waitFor } from './deadline.ts';
import { docker } from './docker.ts';
import { CONFIG_FILE, haproxyConfig, INSIDE, serverNames, WEB } from './haproxy-config.ts';
import type { HostContext } from './host.ts';
import { containerName } from './paths.ts';
import type { LabState } from './state.ts';

/** The load balancer's name in the fleet file, and its container's. */
export const BALANCER_NAME = 'edge';

/** It answers within a tenth of a second. */
const START_DEADLINE_MS = 30_000;

/** Where its requests come in, and its runtime API, as this machine reaches them. */
export const webUrl = (balancer: Balancer): string => `http://127.0.0.1:${balancer.webPort}`;
export const runtimeEndpoint = (balancer: Balancer): string => `tcp://127.0.0.1:${balancer.runtimePort}`;

type Balancer = NonNullable<LabState['balancer']>;

/** Brings the lab's load balancer up, with a server for each member that a host can have. */
export async function ensureHaproxy(context: HostContext): Promise<void> {
  const { lab, balancer, hosts } = context.state;
  if (balancer === null) return;
  const name = containerName(lab, BALANCER_NAME);
  const now = context.containers.get(name);
  if (now === undefined) await create(context, balancer);
  const isNew = await layConfig(context, name);
  if (now !== 'running') await docker(['start', name]);
  // It reads its configuration again, and breaks no request.
  else if (isNew) await docker(['kill', '--signal=USR2', name]);
  const evidence = (): Promise<string> => docker(['logs', '--tail', '10', name]);
  await waitFor({ what: 'the load balancer of the lab', deadlineMs: START_DEADLINE_MS, evidence }, async () => {
    const known = (await readServers(balancer)).map(({ name: server }) => server).join(', ');
    return known === serverNames(hosts).join(', ') ? ready(true) : notYet(`servers ${known}`);
  });
}

export async function isHaproxyAlive(balancer: Balancer): Promise<boolean> {
  return readServers(balancer).then(
    () => true,
    () => false,
  );
}

async function readServers(balancer: Balancer): Promise<readonly BalancedServer[]> {
  return createHaproxy({ name: BALANCER_NAME, endpoint: runtimeEndpoint(balancer) }).servers(WEB);
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
    ports: new Map([
      [INSIDE.web, balancer.webPort],
      [INSIDE.runtime, balancer.runtimePort],
    ]),
    volumes: new Map(),
    options: ['--stop-signal=SIGTERM'],
    command: ['haproxy', '-W', '-db', '-f', CONFIG_FILE],
  });
}

import { createContainer } from './container.ts';
import { notYet, ready, waitFor } from './deadline.ts';
import { docker } from './docker.ts';
import type { HostContext } from './host.ts';
import { get } from './http.ts';
import { containerName } from './paths.ts';

/** The registry's name as the hosts know it; their engines are told to speak to it without TLS. */
export const REGISTRY_NAME = 'registry.lab:5000';

/** It answers within a second. */
const START_DEADLINE_MS = 30_000;

const CONTAINER = 'registry';

export const registryEndpoint = (port: number): string => `http://127.0.0.1:${port}`;

/** Brings the lab's registry up; what was pushed to it stays in its volume. */
export async function ensureRegistry(context: HostContext): Promise<void> {
  const { lab, registry } = context.state;
  const name = containerName(lab, CONTAINER);
  const now = context.containers.get(name);
  if (now === undefined) await create(context);
  if (now !== 'running') await docker(['start', name]);
  const evidence = (): Promise<string> => docker(['logs', '--tail', '10', name]);
  await waitFor({ what: 'the registry of the lab', deadlineMs: START_DEADLINE_MS, evidence }, async () =>
    (await isRegistryAlive(registry.port)) ? ready(true) : notYet('no registry answers'),
  );
}

export async function isRegistryAlive(port: number): Promise<boolean> {
  return get(`${registryEndpoint(port)}/v2/`).then(
    ({ status, body }) => status === 200 && body.trim() === '{}',
    () => false,
  );
}

async function create({ state, paths, image }: HostContext): Promise<void> {
  await createContainer({
    lab: state.lab,
    folder: paths.folder,
    name: CONTAINER,
    alias: 'registry.lab',
    address: state.registry.address,
    image,
    ports: new Map([[5000, state.registry.port]]),
    volumes: new Map([['data', '/var/lib/docker-registry']]),
    options: ['--stop-signal=SIGTERM'],
    command: ['docker-registry', 'serve', '/etc/lab/registry.yml'],
  });
}

import { runtimeCommand } from '../../../drivers/oci/runtime-layer.ts';
import { shopFrontends } from '../../../lab/shop-frontends.ts';
import type { Manifest } from '../../../lab/sample/shop-unit.ts';
import { eventually } from '../../eventually.ts';
import { onHost } from './refit.ts';

/** Of the first member of green's API, which is on the first host. */
export const GREEN_API_PORT = shopFrontends.api.port.green;
export const NO_IMAGE = `registry.lab:5000/shop-check@sha256:${'0'.repeat(64)}`;
const LISTENER = 'somebody-elses';
/** The load balancer looks there for green, and breaks off. */
const LISTEN = `require('net').createServer((socket) => socket.on('error', () => 0).end()).listen(${GREEN_API_PORT})`;

/** Tests whose image is not there; and three members, one a host, where only one host has the label. */
export function withoutImageAndHosts(unit: Manifest): Manifest {
  const { services, tests } = unit as Readonly<Record<string, readonly Manifest[]>>;
  const placement = { labels: { role: 'first' }, perHost: 1 };
  return {
    ...unit,
    services: services?.map((service) => (service['name'] === 'web' ? { ...service, placement } : service)),
    tests: tests?.map((one) => ({ ...one, image: NO_IMAGE })),
  };
}

/** While somebody else's container listens on the port that green's API is to have. */
export async function whilePortInUse<Result>(work: () => Promise<Result>): Promise<Result> {
  const [entrypoint, ...rest] = [...runtimeCommand, '-e', LISTEN];
  // By the image of a member, since that is there.
  const image = await onHost('host-1', ['docker', 'inspect', '--format', '{{.Config.Image}}', 'shop-blue-api-1']);
  const run = ['docker', 'run', '--detach', '--name', LISTENER, '--network', 'host', '--entrypoint', entrypoint];
  await onHost('host-1', [...run, image, ...rest]);
  try {
    await eventually(async () => onHost('host-1', ['sh', '-c', `ss -ltn | grep ':${GREEN_API_PORT} '`]), {
      everyMs: 100,
    });
    return await work();
  } finally {
    await onHost('host-1', ['docker', 'rm', '--force', LISTENER]);
  }
}

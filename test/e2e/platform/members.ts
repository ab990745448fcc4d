import { setTimeout as sleep } from 'node:timers/promises';
import { createHaproxy } from '../../../drivers/haproxy/balancer.ts';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import { haproxyOf } from '../../../model/fleet.ts';
import { webMembers } from '../../../lab/haproxy-config.ts';
import { publishWeb, type WebVersion } from '../../../lab/sample/web-image.ts';
import { startWebMembers } from '../../../lab/sample/web-members.ts';
import type { BalancedServer, LoadBalancer } from '../../../model/load-balancer.ts';
import { eventually } from '../../eventually.ts';
import { lab, onHost } from './refit.ts';

/** Two members of the service `web` on each, behind the lab's HAProxy. */
export const webHosts = ['host-1', 'host-2', 'host-3'] as const;

/** Longest until the balancer sees all members healthy; ms. */
const UP_WITHIN_MS = 60_000;
/** Pause between two looks at the balancer; ms. */
const SAMPLE_MS = 20;

export const members = webHosts.flatMap((host) => webMembers.map((member) => ({ host, ...member })));

export const publishWebImage = async (web: WebVersion): Promise<string> =>
  publishWeb({ ...web, registries: loadFleet(lab.paths.fleetFile).registries });

/** Six members on three hosts, made by hand as somebody without refit would. `env` by `host/container`. */
export async function startMembers(image: string, env: Readonly<Record<string, string>> = {}): Promise<void> {
  await removeMembers();
  await Promise.all(
    webHosts.map(async (host) =>
      startWebMembers(lab, host, { image, env: (container) => [env[`${host}/${container}`] ?? []].flat() }),
    ),
  );
  await eventually(async () => (await available()) === members.length, { withinMs: UP_WITHIN_MS, everyMs: 100 });
}

/** Also what upgrades left of them: a test begins with nothing. */
export async function removeMembers(): Promise<void> {
  const all = 'docker ps --all --quiet --filter label=dev.refit.service=web';
  await Promise.all(
    webHosts.map(async (host) => onHost(host, ['sh', '-c', `ids=$(${all}); test -z "$ids" || docker rm --force $ids`])),
  );
}

/** Members' containers on a host, stand-ins among them: `name image-version running`. */
export async function memberContainers(host: string): Promise<readonly string[]> {
  const format = '{{.Names}} {{.State}}';
  const text = await onHost(host, [
    'docker',
    'ps',
    '--all',
    '--filter',
    'label=dev.refit.service=web',
    '--format',
    format,
  ]);
  return text.split('\n').filter(Boolean).sort();
}

/** Version that the member itself says it is. */
async function memberVersion({ host, port }: (typeof members)[number]): Promise<string> {
  const answer = await onHost(host, ['curl', '--silent', '--max-time', '5', `http://127.0.0.1:${port}/`]);
  return (JSON.parse(answer) as { readonly version: string }).version;
}

export const memberVersions = async (): Promise<readonly string[]> => Promise.all(members.map(memberVersion));

export function balancer(): LoadBalancer {
  const edge = haproxyOf(loadFleet(lab.paths.fleetFile), 'edge');
  if (edge === null) throw new Error('the lab has no load balancer');
  return createHaproxy(edge);
}

const isServing = ({ state, health }: BalancedServer): boolean => state === 'ready' && health === 'up';

async function available(): Promise<number> {
  return (await balancer().servers('web')).filter(isServing).length;
}

export interface Sampler {
  /** The fewest members that were available at any look, and how many looks there were. */
  stop(): Promise<{ readonly least: number; readonly looks: number }>;
}

/** Looks again and again how many members the balancer sends requests to. */
export function sampleAvailable(): Sampler {
  const stopping = new AbortController();
  let least = Infinity;
  let looks = 0;
  const running = (async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      least = Math.min(least, await available());
      looks += 1;
      await sleep(SAMPLE_MS);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await running;
      return { least, looks };
    },
  };
}

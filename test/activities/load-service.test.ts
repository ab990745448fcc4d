import { afterEach, expect, it } from 'vitest';
import { createLoadService } from '../../activities/load-service.ts';
import { ReleaseCache } from '../../activities/release-cache.ts';
import { failureTypes } from '../../model/failures.ts';
import type { Fleet } from '../../model/fleet.ts';
import { parseServiceId } from '../../model/ids.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { RegistryError, type ReadRelease } from '../../model/registry.ts';
import type { Service } from '../../model/service.ts';
import { fleet } from '../fakes/fleet.ts';
import { digestOf, readRelease, releaseRef, service } from '../fakes/release.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const web = parseServiceId('web');
const behindEdge: Service = {
  ...{ name: web, selector: { app: 'web' } },
  balancer: { loadBalancer: 'edge', backend: 'web', server: '{host}-{container}' },
};
const input = { ...run, release: releaseRef(), name: web };

let harness: Harness | null = null;
afterEach(() => harness?.close());

function load(read: () => Promise<ReadRelease>, changes: Partial<Fleet> = {}): ReturnType<typeof createLoadService> {
  const releases = new ReleaseCache({ readRelease: read });
  return createLoadService({ releases, loadFleet: () => ({ ...fleet(1), ...changes }) });
}

const ofServices = (...names: readonly string[]): (() => Promise<ReadRelease>) => {
  return async () => Promise.resolve(readRelease({ services: names.map((name) => service(name)) }));
};

it('a service is what the release says of it, and has its members by their label', async () => {
  const loaded = await perform(load(ofServices('dns', 'web')), input);

  expect(loaded).toEqual({
    service: { name: 'web', selector: { 'dev.refit.service': 'web' }, balancer: null },
    ...{ image: service('web').image, reference: service('web').image, digest: digestOf('d'), settings: {} },
    policy: {
      ...{ strategy: { strategy: 'inPlace' }, mode: 'inPlace', minAvailable: null, drainMs: 100 },
      health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
    },
  });
});

it('a service has the members and the load balancer that the fleet file names', async () => {
  const loaded = await perform(load(ofServices('web'), { services: [behindEdge] }), input);

  expect(loaded.service).toEqual(behindEdge);
});

it('a service that the release does not have is wrong input', async () => {
  await expect(perform(load(ofServices('dns')), input)).rejects.toMatchObject({
    type: failureTypes.wrongInput,
    message: 'sample 2.0.0 has no service web',
  });
});

it.each([
  ['a registry that does not answer is waited for', 'unreachable', { name: 'RegistryError' }],
  ['a registry that no longer has the release is wrong input', 'notFound', { type: failureTypes.wrongInput }],
] as const)('%s', async (_what, kind, expected) => {
  const away = load(async () => Promise.reject(new RegistryError(kind, 'registry.lab:5000: no')));

  await expect(perform(away, input)).rejects.toMatchObject(expected);
});

it('the services of a plan come in the order in which they go, and their images are looked for before anything is touched', async () => {
  harness = startHarness(1);
  const { activities, registry } = harness;
  const services = [service('web', 'r/web@sha256:1'), { ...service('dns', 'r/dns@sha256:1'), infrastructure: true }];
  registry.read = readRelease({ services });
  registry.missing.add('r/web@sha256:1');
  const asked = {
    reference: 'registry.lab:5000/sample:2.0.0',
    digest: releaseRef().digest,
    policy: defaultPolicy,
    tree: null,
  };

  const { hops, findings } = await perform(activities.preflight, { ...run, ...asked });
  const { planDigest, services: count } = at(hops, 0);
  const loaded = await perform(activities.loadServices, { ...run, planDigest });

  expect(count).toBe(2);
  expect(loaded.services).toEqual([
    { name: 'dns', image: 'r/dns@sha256:1' },
    { name: 'web', image: 'r/web@sha256:1' },
  ]);
  expect(findings[0]?.what).toContain("image r/web@sha256:1 of sample 2.0.0 can't be pulled");
});

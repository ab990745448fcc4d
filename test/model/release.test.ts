import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDigest, parseStepId } from '../../model/ids.ts';
import {
  hostImages,
  imageReference,
  isForFleet,
  orderedServices,
  releaseImages,
  releaseLabel,
  type Release,
  type Step,
} from '../../model/release.ts';
import { backup, migration, release, service } from '../fakes/release.ts';
import { RUNS } from './runs.ts';

describe('a release for certain fleets', () => {
  test.each([
    { fleets: [], fleet: 'lab', is: true },
    { fleets: ['lab'], fleet: 'lab', is: true },
    { fleets: ['lab'], fleet: 'lab-2', is: false },
    { fleets: ['edge-*'], fleet: 'edge-7', is: true },
    { fleets: ['edge-*'], fleet: 'edge-', is: true },
    { fleets: ['edge-*'], fleet: 'ledge-7', is: false },
    { fleets: ['*-eu-*'], fleet: 'edge-eu-7', is: true },
    { fleets: ['*'], fleet: 'anything', is: true },
    { fleets: ['a.c'], fleet: 'abc', is: false },
    { fleets: ['a.c'], fleet: 'a.c', is: true },
    { fleets: ['lab', 'edge-*'], fleet: 'edge-1', is: true },
    { fleets: ['(a+)+'], fleet: 'aaaa', is: false },
  ])('$fleets for $fleet: $is', ({ fleets, fleet, is }) => {
    expect(isForFleet({ fleets }, fleet)).toBe(is);
  });

  test('a name without a star admits that name alone', () => {
    const names = fc.stringMatching(/^[a-z0-9.]{1,12}$/);
    fc.assert(
      fc.property(names, names, (pattern, fleet) => {
        expect(isForFleet({ fleets: [pattern] }, fleet)).toBe(pattern === fleet);
      }),
      RUNS,
    );
  });

  test('a star stands for any text, also for none', () => {
    const parts = fc.stringMatching(/^[a-z0-9.-]{0,8}$/);
    fc.assert(
      fc.property(parts, parts, parts, (before, middle, after) => {
        expect(isForFleet({ fleets: [`${before}*${after}`] }, before + middle + after)).toBe(true);
      }),
      RUNS,
    );
  });
});

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

test('a release is named by its image’s digest to engines, and by name and version to people', () => {
  const ref = { name: 'sample', version: '2.0.0', repository: 'registry.lab:5000/sample', digest, contents: digest };

  expect(imageReference(ref)).toBe(`registry.lab:5000/sample@${digest}`);
  expect(releaseLabel(ref)).toBe('sample 2.0.0');
});

test('a host needs the images of all container steps, each once, and the registry those of services too', () => {
  const container = (id: string, image: string): Step => ({
    ...{ id: parseStepId(id), type: 'container', name: id, image, command: [], env: {}, ports: [], volumes: [] },
    ...{ network: 'host', restart: 'always', base: 'stated', timeoutMs: 1 },
  });
  const steps: readonly Step[] = [
    container('dns', 'r/dns@sha256:1'),
    { id: parseStepId('reboot'), type: 'reboot', timeoutMs: 1 },
    container('web', 'r/web@sha256:2'),
    container('dns-2', 'r/dns@sha256:1'),
  ];
  const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 1 };
  const needy: Release = {
    ...{ schema: 1, name: 'sample', version: '2.0.0', upgradesFrom: [], chain: [], components: {}, fleets: [] },
    ...{ services: [], units: [], migrations: [], backup: null, upgrader: null, contents: [] },
    host: { deadlineMs: 1, diskFreeBytes: 0, steps, health },
  };

  expect(hostImages(needy)).toEqual(['r/dns@sha256:1', 'r/web@sha256:2']);
  expect(
    releaseImages({ ...needy, services: [service('web', 'r/web@sha256:2'), service('ui', 'r/ui@sha256:3')] }),
  ).toEqual(['r/dns@sha256:1', 'r/web@sha256:2', 'r/ui@sha256:3']);
});

test('the registry needs the images of migrations and of the backup before them, hosts do not', () => {
  const migrations = [migration('a'), migration('b'), migration('c', { image: 'r/c@sha256:4' })];
  const migrating = release({ migrations, backup: { ...backup, image: 'r/dump@sha256:5' } });

  expect(hostImages(migrating)).toEqual([]);
  expect(releaseImages(migrating)).toEqual([migrations[0]?.image, 'r/c@sha256:4', 'r/dump@sha256:5']);
});

test('services that others rest on go first, each kind in declared order', () => {
  const services = [
    service('ui'),
    { ...service('dns'), infrastructure: true },
    service('web'),
    { ...service('catalog'), infrastructure: true },
  ];

  expect(orderedServices({ services }).map(({ name }) => name)).toEqual(['dns', 'catalog', 'ui', 'web']);
});

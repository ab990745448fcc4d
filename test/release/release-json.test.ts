import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../drivers/oci/blob.ts';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { encodeRelease, parseRelease } from '../../drivers/release/release-json.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import { parseServiceId } from '../../model/ids.ts';
import type { Release, ServiceRelease } from '../../model/release.ts';
import { smallRelease } from './folder.ts';

describe('release.json', () => {
  test('reads back as what was written', async () => {
    const release = await small();

    expect(parseRelease(encodeRelease(release))).toEqual(release);
  });

  test('is the same text in whatever order the fields came', async () => {
    const release = await small();
    const turned = Object.fromEntries(Object.entries(release).reverse());

    expect(encodeRelease(parseRelease(JSON.stringify(turned)))).toBe(encodeRelease(release));
  });

  test('may hold fields of a later version', async () => {
    const text = JSON.stringify({ ...(await small()), later: 1 });

    expect(parseRelease(text)).toEqual(await small());
  });

  test('of before there were services and kept containers says so by their absence', async () => {
    const release = await small();
    const { base: _, ...step } = containerStep;
    const { services: __, ...earlier } = { ...release, host: { ...release.host, steps: [step] } };

    const read = parseRelease(JSON.stringify(earlier));

    expect(read.services).toEqual([]);
    expect(read.host.steps).toEqual([containerStep]);
  });

  test('of a release without units has the digest that it had before there were any', async () => {
    const text = encodeRelease(await small());

    expect(sha256(text)).toBe('sha256:8be24ec5a6421591bb6e6b6a0ece91c58b885f54d73c5886679c79ef645efdb7');
    expect(parseRelease(text).units).toEqual([]);
  });

  test('keeps every field of a service', async () => {
    const release = { ...(await small()), services: [service] };

    expect(parseRelease(encodeRelease(release))).toEqual(release);
  });

  test.each([
    ['not JSON', 'release.json is not JSON: hello', () => 'hello'],
    ['of a later form', 'schema', (release: Release) => JSON.stringify({ ...release, schema: 2 })],
    [
      'a step of an unknown type',
      'host.steps.0.type',
      (release: Release) => withStep(release, { id: 'a', type: 'later' }),
    ],
    [
      'a file outside the release',
      'contents.0.path',
      (release: Release) =>
        JSON.stringify({ ...release, contents: [{ path: '../etc/shadow', sha256: 'a'.repeat(64), sizeBytes: 1 }] }),
    ],
    [
      'a step that takes a file from outside the release',
      'host.steps.0.files.0.from',
      (release: Release) =>
        withStep(release, {
          id: 'a',
          type: 'files',
          files: [{ from: '/etc/shadow', to: '/x', mode: '0644', owner: 'root', group: 'root' }],
        }),
    ],
  ])('is refused when it is %s', async (_what, field, textOf) => {
    const release = await small();

    expect(() => parseRelease(textOf(release))).toThrow(field);
  });

  test('never makes the parser fail otherwise than with an error that says so', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => parseRelease(text)).toThrow('release.json is not one that this version of refit can read');
      }),
    );
  });
});

const containerStep = {
  ...{ id: 'dns', type: 'container', name: 'dns', image: 'r/dns@sha256:1', command: [], env: {}, ports: [] },
  ...{ volumes: [], network: 'bridge', restart: 'always', base: 'stated', timeoutMs: 1 },
};

const service: ServiceRelease = {
  ...{ name: parseServiceId('web'), image: 'r/web@sha256:1', compatible: true, infrastructure: true, mode: 'create' },
  ...{ strategy: { strategy: 'phases', size: { percent: 25 } }, minAvailable: { hosts: 2 }, drainMs: 1 },
  health: { minHealthyTimeMs: 1, deadlineMs: 2, probe: { type: 'tcp', host: '127.0.0.1', port: 80 } },
  settings: { command: [], entrypoint: ['web'], env: { A: 'b' }, labels: { c: 'd' } },
};

const withStep = (release: Release, step: object): string =>
  JSON.stringify({ ...release, host: { ...release.host, steps: [step] } });

async function small(): Promise<Release> {
  await using folder = await smallRelease();
  return toRelease(await readReleaseFolder(folder.path));
}

import { parseDigest, parseServiceId, parseStepId, type Digest } from '../../model/ids.ts';
import type { Release, ReleaseRef, ServiceRelease } from '../../model/release.ts';
import type { ReadRelease } from '../../model/registry.ts';

/** A digest that is told apart by its first character. */
export const digestOf = (character: string): Digest => parseDigest(`sha256:${character.repeat(64)}`);

export function releaseRef(version = '2.0.0', character = 'b'): ReleaseRef {
  return {
    name: 'sample',
    version,
    repository: 'registry.lab:5000/sample',
    digest: digestOf(character),
    contents: digestOf('c'),
  };
}

export function release(changes: Partial<Release> = {}): Release {
  return {
    schema: 1,
    name: 'sample',
    version: '2.0.0',
    upgradesFrom: ['>=1.0.0 <2.0.0'],
    fleets: [],
    services: [],
    units: [],
    contents: [],
    host: {
      deadlineMs: 60_000,
      diskFreeBytes: 0,
      health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 },
      steps: [{ id: parseStepId('files'), type: 'files', files: [] }],
    },
    ...changes,
  };
}

export const service = (name: string, image = `registry.lab:5000/${name}@${digestOf('d')}`): ServiceRelease => ({
  ...{ name: parseServiceId(name), image, compatible: true, infrastructure: false, mode: 'inPlace' },
  ...{ strategy: { strategy: 'inPlace' }, minAvailable: null, drainMs: 100, settings: {} },
  health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
});

export const readRelease = (changes: Partial<Release> = {}): ReadRelease => ({
  ref: releaseRef(),
  release: release(changes),
  sizeBytes: 50 * 1024 ** 2,
  layers: [],
});

import { parseDigest, parseServiceId, parseStepId, type Digest } from '../../model/ids.ts';
import type { Backup, Migration } from '../../model/migration.ts';
import type {
  ChainEntry,
  EngineStep,
  KernelStep,
  Release,
  ReleaseRef,
  ServiceRelease,
  Step,
  SupportedJump,
} from '../../model/release.ts';
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
    upgradesFrom: jumps('>=1.0.0 <2.0.0'),
    chain: [],
    components: {},
    fleets: [],
    services: [],
    units: [],
    migrations: [],
    backup: null,
    upgrader: null,
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

/** What a release has of a host, with these steps. */
export const hostWith = (...steps: readonly Step[]): Pick<Release, 'host'> => ({ host: { ...release().host, steps } });

export const kernelStep = (kernel: string, changes: Partial<KernelStep['package']> = {}): KernelStep => ({
  ...{ id: parseStepId('kernel'), type: 'kernel', format: 'deb', kernel, timeoutMs: 1, confirmWithinMs: 2 },
  package: { file: 'k.deb', name: `linux-image-${kernel}`, version: '1', architecture: 'amd64', ...changes },
  health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1 },
});

/** Of packages by name, with their versions. */
export const engineStep = (packages: Readonly<Record<string, string>>): EngineStep => ({
  ...{ id: parseStepId('engine'), type: 'engine', format: 'deb', timeoutMs: 1 },
  packages: Object.entries(packages).map(([name, version]) => ({
    ...{ file: `${name}.deb`, name, version, architecture: 'amd64' },
  })),
});

/** Ranges that nothing stands against. */
export const jumps = (...ranges: readonly string[]): readonly SupportedJump[] =>
  ranges.map((range) => ({ range, limit: { limit: 'none' } }));

export const chainEntry = (version: string, ranges: readonly string[] = [], character = 'e'): ChainEntry => ({
  ...{ version, digest: digestOf(character), upgradesFrom: jumps(...ranges), components: {} },
});

const migrationJob = {
  ...{ image: `registry.lab:5000/migrate@${digestOf('f')}`, entrypoint: null, env: {}, volumes: [] },
  ...{ beside: parseServiceId('db'), timeoutMs: 1_000 },
};

/** One with a way back. */
export const migration = (name: string, changes: Partial<Migration> = {}): Migration => ({
  ...{ ...migrationJob, name, when: 'expand', up: ['up', name], check: ['check', name], down: ['down', name] },
  compatible: false,
  ...changes,
});

export const backup: Backup = { ...migrationJob, command: ['dump', '/backup'], verify: ['list', '/backup'] };

export const service = (name: string, image = `registry.lab:5000/${name}@${digestOf('d')}`): ServiceRelease => ({
  ...{ name: parseServiceId(name), image, compatible: true, infrastructure: false, mode: 'inPlace' },
  ...{ strategy: { strategy: 'inPlace' }, minAvailable: null, drainMs: 100, settings: {} },
  health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
});

export const readRelease = (changes: Partial<Release> = {}): ReadRelease => ({
  ref: releaseRef(),
  release: release(changes),
  agent: null,
  sizeBytes: 50 * 1024 ** 2,
  layers: [],
});

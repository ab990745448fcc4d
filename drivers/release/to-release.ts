import { assert } from '../../model/assert.ts';
import type { ContainerProbe, ContainerHealth } from '../../model/replacement.ts';
import type { Health, Probe, Release, ReleaseFile, ServiceRelease, Step } from '../../model/release.ts';
import { digestHex } from '../../model/ids.ts';
import { sha256 } from '../oci/blob.ts';
import { MANIFEST_FILE, type ReleaseSource } from './manifest.ts';
import type { Manifest } from './manifest-schema.ts';
import { payloadPath, type Payload } from './payload.ts';
import { strategyOf } from './service-schema.ts';
import { toBackup, toMigration } from './to-migration.ts';
import { toUnit } from './to-unit.ts';

/** What the author wrote, as the model has it: units in the names, packages read, every file digested. */
export function toRelease({ manifest, text, payload }: ReleaseSource): Release {
  const { host } = manifest;
  return {
    schema: manifest.schema,
    name: manifest.name,
    version: manifest.version,
    upgradesFrom: manifest.upgradesFrom,
    chain: manifest.chain,
    components: manifest.components,
    fleets: manifest.fleets,
    host: {
      deadlineMs: host.deadline,
      diskFreeBytes: host.diskFree,
      steps: host.steps.map((step) => toStep(step, payload)),
      health: toHealth(host.health),
    },
    services: manifest.services.map(toService),
    units: manifest.units.map(toUnit),
    migrations: manifest.migrations.map(toMigration),
    backup: toBackup(manifest.backup),
    upgrader: manifest.upgrader ?? null,
    contents: contentsOf({ text, payload }),
  };
}

function contentsOf({ text, payload }: Pick<ReleaseSource, 'text' | 'payload'>): readonly ReleaseFile[] {
  const manifest = { path: MANIFEST_FILE, sha256: digestHex(sha256(text)), sizeBytes: Buffer.byteLength(text) };
  const files = [...payload.files].map(([path, { sha256: hex, sizeBytes }]) => ({ path, sha256: hex, sizeBytes }));
  return [manifest, ...files.filter(({ path }) => path !== MANIFEST_FILE)].sort((left, right) =>
    left.path < right.path ? -1 : 1,
  );
}

type ManifestStep = Manifest['host']['steps'][number];

function toStep(step: ManifestStep, payload: Pick<Payload, 'packages' | 'kernels'>): Step {
  const { packages } = payload;
  switch (step.type) {
    case 'files':
      return { ...step, files: step.files.map((file) => ({ ...file, from: payloadPath(file.from) })) };
    case 'packages':
      return {
        id: step.id,
        type: 'packages',
        format: 'deb',
        packages: step.files.map((file) => readOf(packages, file)),
      };
    case 'engine': {
      const { id, type, files, timeout } = step;
      return { id, type, format: 'deb', packages: files.map((file) => readOf(packages, file)), timeoutMs: timeout };
    }
    case 'kernel': {
      const { id, type, file, timeout, confirmWithin } = step;
      const found = { package: readOf(packages, file), kernel: readOf(payload.kernels, file) };
      const times = { timeoutMs: timeout, confirmWithinMs: confirmWithin, health: toHealth(step.health) };
      return { id, type, format: 'deb', ...found, ...times };
    }
    case 'unit':
      return step;
    case 'run': {
      const { timeout, undo = null, probe = null, ...rest } = step;
      return { ...rest, undo, probe, timeoutMs: timeout };
    }
    case 'reboot':
      return { id: step.id, type: 'reboot', timeoutMs: step.timeout };
    case 'container': {
      const { timeout, ...rest } = step;
      return { ...rest, timeoutMs: timeout };
    }
  }
}

function readOf<Read>(all: ReadonlyMap<string, Read>, file: string): Read {
  const read = all.get(payloadPath(file));
  assert(read !== undefined, `the package ${file} was read with the manifest`);
  return read;
}

type ManifestService = Manifest['services'][number];

function toService(service: ManifestService): ServiceRelease {
  const { name, image, compatible, infrastructure, mode, minAvailable = null, drain } = service;
  const { command, entrypoint, env, labels } = service;
  return {
    name,
    image,
    compatible,
    infrastructure,
    strategy: strategyOf(service),
    mode,
    minAvailable,
    health: toContainerHealth(service.health),
    drainMs: drain,
    settings: {
      ...(command !== undefined && { command }),
      ...(entrypoint !== undefined && { entrypoint }),
      ...(env !== undefined && { env }),
      ...(labels !== undefined && { labels }),
    },
  };
}

function toContainerHealth({ minHealthyTime, deadline, probe }: ManifestService['health']): ContainerHealth {
  return {
    minHealthyTimeMs: minHealthyTime,
    deadlineMs: deadline,
    probe: probe === undefined ? null : toContainerProbe(probe),
  };
}

const toContainerProbe = (probe: NonNullable<ManifestService['health']['probe']>): ContainerProbe =>
  probe.type === 'http' ? { ...probe, contains: probe.contains ?? null } : probe;

function toHealth({ probes, minHealthyTime, deadline }: Manifest['host']['health']): Health {
  return { probes: probes.map(toProbe), minHealthyTimeMs: minHealthyTime, deadlineMs: deadline };
}

function toProbe(probe: Manifest['host']['health']['probes'][number]): Probe {
  return probe.type === 'unit' ? probe : toContainerProbe(probe);
}

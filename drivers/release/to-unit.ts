import { assert } from '../../model/assert.ts';
import type { ServiceId } from '../../model/ids.ts';
import type { UnitContainer, UnitHealth, UnitJob, UnitMigration, UnitRelease, UnitService } from '../../model/unit.ts';
import { ACCOUNT_DATA } from './unit-draft.ts';
import type { ManifestUnit } from './unit-schema.ts';

/** What the author wrote, as the model has it: every job with its place, absences as null. */
export function toUnit(unit: ManifestUnit): UnitRelease {
  const { services, accountData, soak } = unit;
  const shared = nameOf(services.find((service) => service.shared) ?? services[0]);
  const inSlot = nameOf(services.find((service) => !service.shared) ?? services[0]);
  return {
    name: unit.name,
    services: services.map(toService),
    migrations: unit.migrations.map((migration) => toMigration(migration, shared)),
    accountData: accountData === undefined ? null : toJob({ name: ACCOUNT_DATA, ...accountData }, inSlot),
    addOns: unit.addOns.map((addOn) => ({ name: addOn.name, ...toContainer(addOn), volumes: addOn.volumes })),
    tests: unit.tests.map((test) => toJob(test, inSlot)),
    policy: {
      approval: unit.approval,
      soak: {
        durationMs: soak.duration,
        maxErrorRate: soak.maxErrorRate,
        minRequests: soak.minRequests,
        windowMs: soak.window,
        unhealthyMs: soak.unhealthy,
      },
      keepMs: unit.keep,
      drainMs: unit.drain,
      confirmMs: unit.confirm,
    },
  };
}

type ManifestService = ManifestUnit['services'][number];
type ManifestJob = ManifestUnit['tests'][number];
type ManifestMigration = ManifestUnit['migrations'][number];
type ManifestContainer = Pick<ManifestJob, 'image' | 'command' | 'entrypoint' | 'env' | 'files'>;

function nameOf(service: ManifestService | undefined): ServiceId {
  assert(service !== undefined, 'a unit has a service');
  return service.name;
}

const toContainer = ({ image, command, entrypoint, env, files }: ManifestContainer): UnitContainer => ({
  image,
  command,
  entrypoint: entrypoint ?? null,
  env,
  files,
});

const toService = (service: ManifestService): UnitService => ({
  name: service.name,
  ...toContainer(service),
  shared: service.shared,
  members: service.members,
  placement: service.placement,
  dependsOn: service.dependsOn,
  port: service.port ?? null,
  volumes: service.volumes,
  memoryBytes: service.memory ?? null,
  health: toHealth(service.health),
});

function toHealth({ minHealthyTime, deadline, probe }: ManifestService['health']): UnitHealth {
  const asked = probe?.type === 'http' ? { ...probe, contains: probe.contains ?? null } : (probe ?? null);
  return { minHealthyTimeMs: minHealthyTime, deadlineMs: deadline, probe: asked };
}

const toJob = (job: ManifestJob, place: ServiceId): UnitJob => ({
  name: job.name,
  ...toContainer(job),
  beside: job.beside ?? place,
  timeoutMs: job.timeout,
});

const toMigration = (migration: ManifestMigration, place: ServiceId): UnitMigration => ({
  ...toJob(migration, place),
  when: migration.when,
  check: migration.check ?? null,
  down: migration.down ?? null,
  compatible: migration.compatible,
});

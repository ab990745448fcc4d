import { createHash } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MAX_FINDINGS, type Activities, type ChainInput, type PlannedHop } from '../../activities/activities.ts';
import type { MigrationActivities } from '../../activities/migration-activities.ts';
import type { TrafficActivities } from '../../activities/traffic-activities.ts';
import { assert } from '../../model/assert.ts';
import { failureTypes } from '../../model/failures.ts';
import { hopUpgradeId, parseDigest, type Digest, type FleetId, type HostId, type UpgradeId } from '../../model/ids.ts';
import type { HostOutcome } from '../../model/host.ts';
import { serviceOf } from '../../model/fleet.ts';
import {
  MAX_WAVE_HOSTS,
  packWaves,
  plannedHosts,
  planServices,
  planWaves,
  type Hop,
  type HopPlan,
  type PlannedHost,
} from '../../model/plan.ts';
import type { Policy } from '../../model/policy.ts';
import { FakeChain } from './fake-chain.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { FakeHost } from './fake-host.ts';
import { createFakeSelfUpgrade } from './self-upgrade.ts';
import { unitActivities } from './units.ts';
import { createFakeMemberActivities, type On } from './members.ts';
import { whileBeating } from './while-beating.ts';

/** The activities over fleets in memory: a small working program, not a list of answers. */
export function createFakeActivities(fleets: ReadonlyMap<FleetId, FakeFleet>): Activities {
  const on = <Input extends { readonly fleet: FleetId }, Result>(
    name: keyof Activities,
    step: (fleet: FakeFleet, input: Input) => Promise<Result>,
  ): ((input: Input) => Promise<Result>) => {
    return async (input) => {
      const fleet = fleets.get(input.fleet);
      assert(fleet !== undefined, `${input.fleet} is known`);
      await fleet.onActivity(name, 'before');
      fleet.throwIfBroken(name);
      const result = await step(fleet, input);
      await fleet.onActivity(name, 'after');
      return result;
    };
  };
  return {
    ...createFakeMemberActivities(on),
    ...createFakeSelfUpgrade(on),
    ...unitActivities(on),
    claimEpoch: on('claimEpoch', async (fleet, { run }) => {
      if (!fleet.epochs.includes(run)) fleet.epochs.push(run);
      return Promise.resolve({ epoch: fleet.epochs.indexOf(run) + 1 });
    }),
    ...migrationActivities(on),
    preflight: on('preflight', async (fleet, { upgrade, policy }) => {
      const versions = [...fleet.path, fleet.release.version];
      const hops = versions.map((version, index) => planHop(fleet, versions, { index, version, policy, upgrade }));
      return Promise.resolve({
        release: fleet.release,
        hops,
        balanced: fleet.traffic !== null,
        findings: fleet.findings,
        ...fleet.itself.plan(),
      });
    }),
    findHostServers: on('findHostServers', async (fleet, input) => trafficOf(fleet).findHostServers(input)),
    drainHost: on('drainHost', async (fleet, input) => trafficOf(fleet).drainHost(input)),
    admitHost: on('admitHost', async (fleet, input) => trafficOf(fleet).admitHost(input)),
    loadWave: on('loadWave', async (fleet, { planDigest, wave, offset }) => {
      const hosts = hostsOf(fleet, planDigest, wave);
      return Promise.resolve({ hosts: hosts.slice(offset, offset + MAX_WAVE_HOSTS), total: hosts.length });
    }),
    loadServices: on('loadServices', async (fleet, { planDigest }) => {
      return Promise.resolve({ services: fleet.plans.get(planDigest)?.hop.services ?? [] });
    }),
    loadService: on('loadService', async (fleet, { name, release }) => {
      const found = fleet.servicesOf(release.version).find((service) => service.name === name);
      assert(found !== undefined, `${name} is in the release`);
      const { image, settings, strategy, mode, minAvailable, health, drainMs } = found;
      return Promise.resolve({
        service: serviceOf({ services: [] }, name),
        ...{ image, reference: image, digest: parseDigest(image.slice(image.indexOf('@') + 1)), settings },
        policy: { strategy, mode, minAvailable, health, drainMs },
      });
    }),
    downloadRelease: on('downloadRelease', async (fleet, { host }) => {
      fleet.changed(`download ${host}`);
      await whileBeating(async () => fleet.until(() => !fleet.isHanging(host), cancellationSignal()));
      return fleet.takeDownload(host);
    }),
    orderHost: on('orderHost', async (fleet, input) => {
      throwIfFenced(fleet);
      const host = fleet.host(input.host);
      host.order(input);
      return outcomeOf(fleet, host);
    }),
    startChain: on('startChain', async (fleet, input) => {
      throwIfFenced(fleet);
      fleet.chain ??= new FakeChain(fleet, chainHosts(fleet, input), input);
      fleet.chain.start(input);
      return Promise.resolve();
    }),
    followChain: on('followChain', async (fleet) => {
      const { chain } = fleet;
      assert(chain !== null, 'a chain was started');
      await whileBeating(async () => fleet.until(() => chain.end() !== null, cancellationSignal()));
      const end = chain.end();
      assert(end !== null, 'the chain has ended');
      return end;
    }),
    readOutcomes: on('readOutcomes', async (fleet, input) => {
      const page = chainHosts(fleet, input).slice(input.offset, input.offset + input.limit);
      return Promise.resolve(page.flatMap((name) => fleet.host(name).outcome ?? []));
    }),
    standDown: on('standDown', async (fleet) => {
      fleet.chain?.standDown();
      return Promise.resolve();
    }),
    setHold: on('setHold', async (fleet, { hold }) => {
      fleet.chain?.hold(hold);
      return Promise.resolve();
    }),
    probeHost: on('probeHost', async (fleet, { host }) => {
      fleet.changed(`probe ${host}`);
      return Promise.resolve(fleet.probes.shift() ?? { ok: true, evidence: 'the step would work' });
    }),
    verifyFleet: on('verifyFleet', async (fleet, { release, planDigest }) => {
      const hop = fleet.plans.get(planDigest)?.hop;
      assert(hop !== undefined, 'what is verified was planned');
      const planned = plannedHosts(hop).map(({ name }) => fleet.host(name));
      const wrong = planned.filter(({ installed }) => installed !== release.version);
      const elsewhere = wrong.map(({ name, installed }) => ({
        ...{ host: name, severity: 'error' as const },
        what: `is on ${installed ?? 'nothing'}`,
        remedy: 'upgrade again',
      }));
      return Promise.resolve({
        measured: planned.length - wrong.length,
        elsewhere: elsewhere.slice(0, MAX_FINDINGS),
      });
    }),
  };
}

function trafficOf({ traffic }: FakeFleet): TrafficActivities {
  assert(traffic !== null, 'a fleet without balanced services asks for nothing');
  return traffic.activities;
}

async function outcomeOf(fleet: FakeFleet, host: FakeHost): Promise<HostOutcome> {
  await whileBeating(async () => fleet.until(() => host.outcome !== null, cancellationSignal()));
  assert(host.outcome !== null, 'the agent has ended');
  return host.outcome;
}

function throwIfFenced(fleet: FakeFleet): void {
  if (!fleet.isFenced) return;
  const message = `epoch 1 of fleet ${fleet.name} was taken over by epoch 2`;
  throw ApplicationFailure.create({ type: failureTypes.fenced, message, nonRetryable: true });
}

const toPlanned = ({ name, installed }: FakeHost): PlannedHost => ({ name, from: installed });

function migrationActivities(on: On): MigrationActivities {
  return {
    runBackup: on('runBackup', async ({ migrations }, input) => Promise.resolve(migrations.backUp(input))),
    runMigration: on('runMigration', async ({ migrations }, input) => Promise.resolve(migrations.run(input))),
    removeMigrationJobs: on('removeMigrationJobs', async ({ migrations }, { upgrade }) =>
      Promise.resolve({ removed: migrations.removeJobs(upgrade) }),
    ),
  };
}

type HopToPlan = {
  readonly index: number;
  readonly version: string;
  readonly policy: Policy;
  readonly upgrade: UpgradeId;
};

/** A host takes the hops behind the version that it is on; one on an unknown version takes them all. */
function planHop(
  fleet: FakeFleet,
  versions: readonly string[],
  { index, version, policy, upgrade }: HopToPlan,
): PlannedHop {
  const release = fleet.refOf(version);
  const placeOf = ({ installed }: FakeHost): number => versions.indexOf(installed ?? '');
  const hosts = [...fleet.hosts.values()];
  const from = (host: FakeHost): string | null =>
    placeOf(host) < index - 1 ? (versions[index - 1] ?? null) : host.installed;
  const toDo = hosts.filter((host) => placeOf(host) < index).map((host) => ({ name: host.name, from: from(host) }));
  const isLast = index === versions.length - 1;
  const alreadyThere = isLast ? hosts.filter((host) => placeOf(host) === index).map(toPlanned) : [];
  const services = planServices({ services: fleet.servicesOf(version) });
  const migrations = fleet.migrations.declared.get(version) ?? [];
  const waves = planWaves(toDo, policy.install);
  const hop: Hop = {
    ...{ to: version, release, risks: [], steps: [], downloadBytes: 1, images: [], waves, alreadyThere, services },
    ...{ migrations, hasBackup: migrations.length > 0 },
  };
  const id = hopUpgradeId(upgrade, index);
  return {
    ...{ upgrade: id, release, planDigest: save(fleet, { upgrade: id, fleet: fleet.name, hop }) },
    ...{ waves: packWaves(waves), alreadyThere: alreadyThere.length, services: services.length },
    ...{ migrations, hasBackup: hop.hasBackup, risks: [], downloadBytes: 1, hostDeadlineMs: 60_000 },
  };
}

function save(fleet: FakeFleet, plan: HopPlan): Digest {
  const digest = createHash('sha256').update(JSON.stringify(plan)).digest('hex');
  fleet.plans.set(`sha256:${digest}`, plan);
  return parseDigest(`sha256:${digest}`);
}

function hostsOf(fleet: FakeFleet, planDigest: Digest, wave: string | null): readonly PlannedHost[] {
  const hop = fleet.plans.get(planDigest)?.hop;
  if (wave === null) return hop?.alreadyThere ?? [];
  return hop?.waves.find(({ name }) => name === wave)?.hosts ?? [];
}

function chainHosts(fleet: FakeFleet, { planDigest, wave, skipped }: ChainInput): readonly HostId[] {
  const names = hostsOf(fleet, planDigest, wave).map(({ name }) => name);
  return names.filter((name) => !skipped.includes(name));
}

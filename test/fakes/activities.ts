import { createHash } from 'node:crypto';
import { cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { MAX_FINDINGS, type Activities, type ChainInput } from '../../activities/activities.ts';
import type { TrafficActivities } from '../../activities/traffic-activities.ts';
import { assert } from '../../model/assert.ts';
import { failureTypes } from '../../model/failures.ts';
import { parseDigest, type Digest, type FleetId, type HostId } from '../../model/ids.ts';
import type { HostOutcome } from '../../model/host.ts';
import { serviceOf } from '../../model/fleet.ts';
import { MAX_WAVE_HOSTS, packWaves, planServices, planWaves, type Plan, type PlannedHost } from '../../model/plan.ts';
import { FakeChain } from './fake-chain.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { FakeHost } from './fake-host.ts';
import { unitActivities } from './units.ts';
import { createFakeMemberActivities } from './members.ts';
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
    ...unitActivities(on),
    claimEpoch: on('claimEpoch', async (fleet, { run }) => {
      if (!fleet.epochs.includes(run)) fleet.epochs.push(run);
      return Promise.resolve({ epoch: fleet.epochs.indexOf(run) + 1 });
    }),
    preflight: on('preflight', async (fleet, { upgrade, policy }) => {
      const hosts = [...fleet.hosts.values()].map(toPlanned);
      const isThere = ({ from }: PlannedHost): boolean => from === fleet.release.version;
      const waves = planWaves(
        hosts.filter((host) => !isThere(host)),
        policy.install,
      );
      const alreadyThere = hosts.filter(isThere);
      const services = planServices(fleet);
      const hop = { to: fleet.release.version, steps: [], downloadBytes: 1, images: [], waves, alreadyThere, services };
      const plan: Plan = { upgrade, fleet: fleet.name, release: fleet.release, hops: [hop] };
      const planDigest = save(fleet, plan);
      return Promise.resolve({
        release: fleet.release,
        planDigest,
        waves: packWaves(waves),
        alreadyThere: alreadyThere.length,
        services: services.length,
        balanced: fleet.traffic !== null,
        downloadBytes: 1,
        hostDeadlineMs: 60_000,
        findings: fleet.findings,
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
      const hops = fleet.plans.get(planDigest)?.hops ?? [];
      return Promise.resolve({ services: hops.flatMap((hop) => hop.services) });
    }),
    loadService: on('loadService', async (fleet, { name }) => {
      const found = fleet.services.find((service) => service.name === name);
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
    verifyFleet: on('verifyFleet', async (fleet, { release }) => {
      const wrong = [...fleet.hosts.values()].filter(({ installed }) => installed !== release.version);
      const elsewhere = wrong.map(({ name, installed }) => ({
        ...{ host: name, severity: 'error' as const },
        what: `is on ${installed ?? 'nothing'}`,
        remedy: 'upgrade again',
      }));
      return Promise.resolve({
        measured: fleet.hosts.size - wrong.length,
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

function save(fleet: FakeFleet, plan: Plan): Digest {
  const digest = createHash('sha256').update(JSON.stringify(plan)).digest('hex');
  fleet.plans.set(`sha256:${digest}`, plan);
  return parseDigest(`sha256:${digest}`);
}

function hostsOf(fleet: FakeFleet, planDigest: Digest, wave: string | null): readonly PlannedHost[] {
  const hops = fleet.plans.get(planDigest)?.hops ?? [];
  if (wave === null) return hops.flatMap((hop) => hop.alreadyThere);
  return hops.flatMap((hop) => hop.waves).find(({ name }) => name === wave)?.hosts ?? [];
}

function chainHosts(fleet: FakeFleet, { planDigest, wave, skipped }: ChainInput): readonly HostId[] {
  const names = hostsOf(fleet, planDigest, wave).map(({ name }) => name);
  return names.filter((name) => !skipped.includes(name));
}

import { afterEach, describe, expect, it } from 'vitest';
import type { PreflightResult } from '../../activities/activities.ts';
import { busKeys, type HostFacts } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { RegistryError } from '../../model/registry.ts';
import { imageReference } from '../../model/release.ts';
import { parseFleetId, parseServiceId, parseStepId } from '../../model/ids.ts';
import { eventually } from '../eventually.ts';
import { says } from '../fakes/engine.ts';
import { fleetId } from '../fakes/fleet.ts';
import { hostFacts } from '../fakes/host-facts.ts';
import { digestOf, readRelease, releaseRef } from '../fakes/release.ts';
import { at, orderFor, perform, run, startHarness, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
const image = imageReference(releaseRef());
const input = {
  ...run,
  reference: 'registry.lab:5000/sample:2.0.0',
  digest: releaseRef().digest,
  policy: defaultPolicy,
  tree: null,
};
const old = { name: 'sample', version: '1.0.0', digest: digestOf('a') };

let harness: Harness | null = null;
afterEach(() => harness?.close());

/** Agents live on all hosts, which are on 1.0.0. */
async function start(hosts = 4): Promise<Harness> {
  harness = startHarness(hosts);
  for (const agent of harness.agents) {
    agent.installed = old;
    agent.start();
  }
  await eventually(() => harness?.store.under(keys.hosts).length === hosts);
  return harness;
}

const errors = ({ findings }: PreflightResult): readonly string[] =>
  findings.filter(({ severity }) => severity === 'error').map(({ host, what }) => `${host ?? 'fleet'}: ${what}`);

describe('preflight', () => {
  it('of a healthy fleet finds nothing, touches no host, and lays the plan on the bus', async () => {
    const { activities, engines, hosts } = await start();

    const result = await perform(activities.preflight, input);

    const [hop] = result.hops;
    expect(result).toMatchObject({ findings: [], release: releaseRef(), hops: [{ upgrade: run.upgrade }] });
    expect(hop).toMatchObject({ alreadyThere: 0, release: releaseRef(), hostDeadlineMs: 60_000, risks: [] });
    expect(hop?.waves).toEqual([
      { name: 'serial-1', hosts: 4, maxUnavailable: 1, start: 'now', gatekeeper: true, count: 1 },
    ]);
    expect([...engines.values()].flatMap(({ pulls, jobs }) => [...pulls, ...jobs])).toEqual([]);
    const page = await perform(activities.loadWave, {
      ...run,
      planDigest: at(result.hops, 0).planDigest,
      wave: 'serial-1',
      offset: 0,
    });
    expect(page.hosts).toEqual(hosts.map((name) => ({ name, from: '1.0.0' })));
  });

  it.each([true, false])('says whether members are behind a load balancer: %s', async (balanced) => {
    const { activities, services } = await start(1);
    const balancer = { loadBalancer: 'edge', backend: 'web', server: '{host}' };
    services.push({ name: parseServiceId('web'), selector: {}, balancer: balanced ? balancer : null });

    expect(await perform(activities.preflight, input)).toMatchObject({ balanced });
  });

  it('twice gives the same plan', async () => {
    const { activities, another } = await start();

    const results = await Promise.all([activities, another()].map((each) => perform(each.preflight, input)));

    expect(at(results, 0)).toEqual(at(results, 1));
  });

  it('says all findings at once, of every kind and every host', async () => {
    const { activities, registry, etcd, engine, store, bus, hosts } = await start(6);
    const step = {
      type: 'container' as const,
      name: 'dns',
      image: 'registry.lab:5000/dns@sha256:1',
      command: [],
      env: {},
    };
    const rest = {
      ports: [],
      volumes: [],
      network: 'bridge',
      restart: 'always',
      base: 'stated',
      timeoutMs: 1,
    } as const;
    const host = { ...readRelease().release.host, steps: [{ id: parseStepId('dns'), ...step, ...rest }] };
    registry.read = readRelease({ fleets: ['other-*'], host });
    registry.missing.add(step.image);
    etcd.unhealthy = ['http://b', 'http://c'];
    engine(1).down();
    engine(2).down();
    await changeAlive({ store, bus }, at(hosts, 3), { diskFreeBytes: 1024 ** 2 });
    await changeAlive({ store, bus }, at(hosts, 4), { installed: { ...old, version: '3.0.0' } });
    await changeAlive({ store, bus }, at(hosts, 5), { installed: { ...old, version: '0.9.0' } });

    const result = await perform(activities.preflight, input);

    expect(errors(result)).toEqual([
      expect.stringMatching(/^fleet: image registry.lab:5000\/dns@sha256:1 of sample 2.0.0 can't be pulled/),
      expect.stringMatching(/^fleet: sample 2.0.0 is not for fleet lab: it is for other-\*/),
      expect.stringMatching(/^fleet: 2 of 3 etcd members are not healthy: http:\/\/b, http:\/\/c/),
      expect.stringMatching(/^host-2: host host-2: no Docker Engine answers/),
      expect.stringMatching(/^host-3: host host-3: no Docker Engine answers/),
      expect.stringMatching(/^host-4: 1 MiB free, sample 2.0.0 needs 406 MiB/),
      expect.stringMatching(/^host-5: is on sample 3.0.0, which is newer/),
      expect.stringMatching(/^host-6: is on sample 0.9.0, from where no path leads to sample 2.0.0/),
    ]);
  });

  it('a reference that means another digest by now is wrong input', async () => {
    const { activities } = await start();

    await expect(perform(activities.preflight, { ...input, digest: digestOf('e') })).rejects.toMatchObject({
      type: failureTypes.wrongInput,
      nonRetryable: true,
      message: expect.stringContaining('start it again') as string,
    });
  });

  it("another fleet's worker refuses the work", async () => {
    const { activities } = await start();

    await expect(perform(activities.preflight, { ...input, fleet: parseFleetId('other') })).rejects.toMatchObject({
      type: failureTypes.wrongInput,
    });
  });

  it('a registry that can not be reached is tried again, one that lies is not', async () => {
    const { activities, registry } = await start();
    const fail = (kind: 'unreachable' | 'mismatch'): void => {
      Object.defineProperty(registry, 'read', {
        configurable: true,
        get: () => {
          throw new RegistryError(kind, `registry.lab:5000: ${kind}`);
        },
      });
    };

    fail('unreachable');
    await expect(perform(activities.preflight, input)).rejects.toMatchObject({ kind: 'unreachable' });
    fail('mismatch');
    await expect(perform(activities.preflight, input)).rejects.toMatchObject({ type: failureTypes.wrongInput });
  });
});

describe('what is there already', () => {
  it('is planned as such, and the rest is not', async () => {
    const { activities, agent } = await start();
    agent(0).start();
    await perform(activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
    await perform(activities.orderHost, orderFor(agent(1).host));

    const result = await perform(activities.preflight, input);

    const { alreadyThere, planDigest } = at(result.hops, 0);
    expect(alreadyThere).toBe(1);
    const there = await perform(activities.loadWave, { ...run, planDigest, wave: null, offset: 0 });
    expect(there.hosts.map(({ name }) => name)).toEqual([agent(1).host]);
  });

  it('a host that is at work on the same release is adopted, one on another release is in the way', async () => {
    const { activities, agent, registry } = await start(2);
    agent(0).next('stall');
    await perform(activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
    void perform(activities.orderHost, orderFor(agent(0).host)).catch(() => null);
    await eventually(() => agent(0).phase === 'installing');

    expect(errors(await perform(activities.preflight, input))).toEqual([]);

    registry.read = { ...readRelease(), ref: { ...releaseRef(), digest: digestOf('e') } };
    const other = await perform(activities.preflight, { ...input, digest: digestOf('e') });
    expect(errors(other)).toEqual(['host-1: is at work (installing) for lab-1']);
  });
});

describe('a host without an agent', () => {
  it('is read by a container of the release, which sees it read-only', async () => {
    const { activities, agent, engine } = await start(2);
    await kill(agent(0));
    engine(0).programs.set('facts', says(0, hostFacts({ installed: old })));

    expect(errors(await perform(activities.preflight, input))).toEqual([]);

    const job = at(engine(0).jobs, 0);
    expect(job).toMatchObject({ image, command: ['facts'], networkMode: 'none' });
    expect(job.binds.every((bind) => bind.endsWith(':ro'))).toBe(true);
    expect(engine(1).jobs).toEqual([]);
  });

  it('is left without the image again when preflight finds errors', async () => {
    const { activities, agent, engine } = await start(2);
    await kill(agent(0));
    engine(0).programs.set('facts', says(0, hostFacts({ diskFreeBytes: 0 })));

    expect(errors(await perform(activities.preflight, input))).toHaveLength(1);
    expect(engine(0).images.has(image)).toBe(false);
  });

  it('keeps an image that was there before', async () => {
    const { activities, agent, engine } = await start(2);
    await kill(agent(0));
    engine(0).images.add(image);
    engine(0).programs.set('facts', says(0, hostFacts({ diskFreeBytes: 0 })));

    expect(errors(await perform(activities.preflight, input))).toHaveLength(1);
    expect(engine(0).images.has(image)).toBe(true);
  });

  it('that can not be read is a finding with what was said', async () => {
    const { activities, agent, engine } = await start(3);
    await Promise.all([kill(agent(0)), kill(agent(1)), kill(agent(2))]);
    engine(0).failNextPull('noSpace');
    engine(1).programs.set('facts', says(1, 'statfs: no such file'));
    engine(2).programs.set('facts', says(0, { diskFreeBytes: 'much' }));

    expect(errors(await perform(activities.preflight, input))).toEqual([
      expect.stringMatching(/^host-1: .*noSpace/),
      expect.stringMatching(/^host-2: the preflight container ended with exit code 1: .*statfs: no such file/),
      expect.stringMatching(/^host-3: the preflight container said: unreadable facts/),
    ]);
  });
});

describe('verifying the fleet', () => {
  it('names the hosts that are elsewhere', async () => {
    const { activities, agents, agent } = await start(3);
    const { planDigest } = at((await perform(activities.preflight, input)).hops, 0);
    await perform(activities.claimEpoch, { ...run, run: 'first', startedAt: 1 });
    agent(1).next('fail');
    for (const { host } of agents) await perform(activities.orderHost, orderFor(host));

    const verified = await perform(activities.verifyFleet, { ...run, release: releaseRef(), planDigest });

    expect(verified).toMatchObject({ measured: 2 });
    expect(verified.elsewhere).toMatchObject([{ host: 'host-2', what: 'is on sample 1.0.0, not on sample 2.0.0' }]);
  });
});

async function kill(agent: Harness['agents'][number]): Promise<void> {
  agent.kill();
  const alive = (): boolean => harness?.store.json(keys.alive(agent.host)) !== null;
  await eventually(() => !alive());
}

/** What the agent says of its host from now on. */
async function changeAlive(
  { store, bus }: Pick<Harness, 'store' | 'bus'>,
  host: Harness['hosts'][number],
  changes: Partial<HostFacts>,
): Promise<void> {
  const agent = harness?.agents.find((one) => one.host === host);
  if (agent !== undefined) await kill(agent);
  const alive = {
    ...{ v: 1, agent: 'agent-1', bootId: 'boot-1', phase: 'idle', epoch: 0 },
    facts: hostFacts({ installed: old, ...changes }),
  };
  await bus.write({ conditions: [], puts: [{ key: keys.alive(host), value: JSON.stringify(alive) }] });
  expect(store.json(keys.alive(host))).not.toBeNull();
}

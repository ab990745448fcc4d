import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { PreflightInput, PreflightResult } from '../../activities/activities.ts';
import { busKeys } from '../../model/bus.ts';
import { failureTypes } from '../../model/failures.ts';
import { parseDigest, parseStepId, type Digest } from '../../model/ids.ts';
import type { HopPlan } from '../../model/plan.ts';
import { planTreeText } from '../../model/plan-hops.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { RegistryError, type ReadRelease } from '../../model/registry.ts';
import { hostImages, imageReference, type Release } from '../../model/release.ts';
import { planFromReadings } from '../../client/plan-upgrade.ts';
import { makeAlive, makeFleet, makeHostOnBus } from '../client/bus-values.ts';
import { eventually } from '../eventually.ts';
import { says } from '../fakes/engine.ts';
import { fleetId } from '../fakes/fleet.ts';
import { hostFacts } from '../fakes/host-facts.ts';
import { backup, chainEntry, digestOf, jumps, migration, readRelease, releaseRef, service } from '../fakes/release.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
const input: PreflightInput = {
  ...{ ...run, reference: 'registry.lab:5000/sample:4.2.0', digest: digestOf('b'), policy: defaultPolicy, tree: null },
};

/** The way of the issue: 3.4.2 → 4.0.1 → 4.1.1 → 4.2.0. */
const way = [
  { version: '4.0.1', range: '>=3.4.2 <4.0.1', character: '4' },
  { version: '4.1.1', range: '>=4.0.1 <4.1.1', character: '5' },
];

function releaseAt(version: string, character: string, changes: Partial<Release>): ReadRelease {
  const ref = releaseRef(version, character);
  return { ...readRelease({ version, ...changes }), ref };
}

let harness: Harness | null = null;
afterEach(() => harness?.close());

/** Agents live on hosts of these versions, and the registry has the whole chain. */
async function start(...installed: readonly string[]): Promise<Harness> {
  harness = startHarness(installed.length);
  const chain = way.map(({ version, range, character }) => chainEntry(version, [range], character));
  const shared = { services: [service('web')], migrations: [migration('ledger')], backup };
  harness.registry.read = releaseAt('4.2.0', 'b', { upgradesFrom: jumps('>=4.1.1 <4.2.0'), chain, ...shared });
  for (const { version, range, character } of way) {
    const read = releaseAt(version, character, { upgradesFrom: jumps(range), ...shared });
    harness.registry.earlier.set(read.ref.digest, read);
  }
  for (const [index, agent] of harness.agents.entries()) {
    const version = at(installed, index);
    agent.installed = { name: 'sample', version, digest: version === '4.2.0' ? digestOf('b') : digestOf('3') };
    agent.start();
  }
  await eventually(() => harness?.store.under(keys.hosts).length === installed.length);
  return harness;
}

const errors = ({ findings }: PreflightResult): readonly string[] =>
  findings.filter(({ severity }) => severity === 'error').map(({ host, what }) => `${host ?? 'fleet'}: ${what}`);

async function plansOf({ activities }: Harness, { hops }: PreflightResult): Promise<readonly string[]> {
  const hosts = hops.map(async ({ upgrade, planDigest, release, waves }) => {
    const pages = waves.map(async ({ name }) =>
      perform(activities.loadWave, { ...run, upgrade, planDigest, wave: name, offset: 0 }),
    );
    const there = (await Promise.all(pages)).flatMap((page) => page.hosts);
    return `${upgrade} to ${release.version}: ${there.map(({ name, from }) => `${name} (${from ?? ''})`).join(', ')}`;
  });
  return Promise.all(hosts);
}

describe('the preflight of several hops', () => {
  it('lays each hop on the bus under an id of its own', async () => {
    const started = await start('3.4.2', '4.0.1', '4.2.0');

    const result = await perform(started.activities.preflight, input);

    expect(result.findings).toEqual([]);
    expect(await plansOf(started, result)).toEqual([
      'lab-1 to 4.0.1: host-1 (3.4.2)',
      'lab-1.hop-2 to 4.1.1: host-1 (4.0.1), host-2 (4.0.1)',
      'lab-1.hop-3 to 4.2.0: host-1 (4.1.1), host-2 (4.1.1)',
    ]);
    expect(result.hops.map(({ alreadyThere }) => alreadyThere)).toEqual([0, 0, 1]);
  });

  it('plans what hosts share with the last hop only, where one is there already', async () => {
    const { activities } = await start('3.4.2', '4.2.0');

    const { hops } = await perform(activities.preflight, input);

    expect(hops.map(({ services }) => services)).toEqual([0, 0, 1]);
    expect(hops.map(({ migrations, hasBackup }) => [migrations.length, hasBackup])).toEqual([
      [0, false],
      [0, false],
      [1, true],
    ]);
  });

  it('reads no release that nobody needs on the way', async () => {
    const { activities, registry } = await start('4.1.1');
    registry.earlier.set(digestOf('4'), new RegistryError('notFound', 'gone'));

    expect(errors(await perform(activities.preflight, input))).toEqual([]);
  });

  it('names images of any hop that can not be pulled, and what hosts pull with its size', async () => {
    const started = await start('3.4.2');
    const { registry, activities, store } = started;
    const container = { id: parseStepId('dns'), type: 'container' as const, name: 'dns', command: [], env: {} };
    const rest = {
      ports: [],
      volumes: [],
      network: 'bridge',
      restart: 'always',
      base: 'stated',
      timeoutMs: 1,
    } as const;
    const image = (name: string): string => `registry.lab:5000/${name}@${digestOf('d')}`;
    const steps = [
      { ...container, ...rest, image: image('dns') },
      { ...container, ...rest, id: parseStepId('ntp'), image: image('ntp') },
    ];
    const first = releaseAt('4.0.1', '4', {
      upgradesFrom: jumps('>=3.4.2 <4.0.1'),
      host: { ...readRelease().release.host, steps },
    });
    registry.earlier.set(first.ref.digest, first);
    registry.missing.add(image('ntp'));

    const result = await perform(activities.preflight, input);

    expect(hostImages(first.release)).toHaveLength(2);
    expect(errors(result)).toEqual([
      `fleet: image ${image('ntp')} of sample 4.0.1 can't be pulled: its registry does not have it`,
    ]);
    const [page] = store.under(keys.plan(run.upgrade, at(result.hops, 0).planDigest));
    expect(page?.value).toContain(
      JSON.stringify([
        { image: image('dns'), sizeBytes: 1_000 },
        { image: image('ntp'), sizeBytes: null },
      ]),
    );
  });

  it('tells what no longer is as the last upgrade left it', async () => {
    const { activities, agent, engine } = await start('4.1.1');
    agent(0).kill();
    await eventually(() => harness?.store.json(keys.alive(agent(0).host)) === null);
    const installed = { name: 'sample', version: '4.1.1', digest: digestOf('5') };
    engine(0).programs.set('facts', says(0, hostFacts({ installed, drift: ['/etc/motd differs'] })));

    expect((await perform(activities.preflight, input)).findings).toEqual([
      expect.objectContaining({
        host: 'host-1',
        severity: 'warning',
        what: expect.stringMatching(/motd differs/) as string,
      }),
    ]);
  });

  it('asks a host without an agent for the packages that its first hop replaces', async () => {
    const { activities, agent, engine, registry } = await start('3.4.2');
    const packages = [{ file: 'p/daemon.deb', name: 'daemon', version: '4.0.1', architecture: 'all' }];
    const steps = [{ id: parseStepId('packages'), type: 'packages' as const, format: 'deb' as const, packages }];
    const changes = { upgradesFrom: jumps('>=3.4.2 <4.0.1'), host: { ...readRelease().release.host, steps } };
    registry.earlier.set(digestOf('4'), releaseAt('4.0.1', '4', changes));
    agent(0).kill();
    await eventually(() => harness?.store.json(keys.alive(agent(0).host)) === null);
    const installed = { name: 'sample', version: '3.4.2', digest: digestOf('3') };
    const found = { daemon: { version: '3.4.2', restorable: false } };
    // As the real program does it: it tells of the packages that it was asked for.
    engine(0).programs.set('facts', (job) => {
      const isAsked = job.env['REFIT_PACKAGES'] === 'daemon';
      return says(0, hostFacts({ installed, packages: isAsked ? found : {} }))(job);
    });

    expect(errors(await perform(activities.preflight, input))).toEqual([
      expect.stringMatching(/^host-1: package daemon 3.4.2 is installed, but its file is not kept/),
    ]);
  });
});

describe('a chain that does not hold', () => {
  it('names a release that the registry no longer has, with its digest and what to do', async () => {
    const { activities, registry } = await start('3.4.2');
    registry.earlier.set(digestOf('4'), new RegistryError('notFound', 'no'));

    const result = await perform(activities.preflight, input);

    expect(errors(result)).toEqual([
      `fleet: sample 4.0.1 (${digestOf('4')}) in the chain of sample 4.2.0 is not in registry.lab:5000/sample any more`,
    ]);
    expect(at(result.findings, 0).remedy).toBe('push that image there again');
  });

  it.each([
    ['another version', { version: '4.0.2' }, /is sample 4.0.2 in registry.lab:5000\/sample/],
    ['another product', { name: 'other' }, /is other 4.0.1 in/],
    ['fewer jumps', { upgradesFrom: jumps('3.x') }, /over 3.x, and the chain allows more: >=3.4.2 <4.0.1/],
  ])('names a release that says of itself %s', async (_what, changes, expected) => {
    const { activities, registry } = await start('3.4.2');
    registry.earlier.set(digestOf('4'), releaseAt('4.0.1', '4', { upgradesFrom: jumps('>=3.4.2 <4.0.1'), ...changes }));

    expect(errors(await perform(activities.preflight, input))).toEqual([expect.stringMatching(expected)]);
  });

  it('is waited for where the registry does not answer', async () => {
    const { activities, registry } = await start('3.4.2');
    registry.earlier.set(digestOf('4'), new RegistryError('unreachable', 'no answer'));

    await expect(perform(activities.preflight, input)).rejects.toMatchObject({ kind: 'unreachable' });
  });
});

describe('an upgrade that was asked for by its plan', () => {
  /** As the command line plans it, from outside the hosts. */
  async function planFromOutside({ registry, hosts }: Harness, ...installed: readonly string[]): Promise<Digest> {
    const onBus = hosts.map((name, index) => ({
      ...makeHostOnBus(name),
      alive: makeAlive({
        drift: [],
        installed: { name: 'sample', version: at(installed, index), digest: digestOf('3') },
      }),
    }));
    const planned = await planFromReadings(
      {
        ...{ fleet: makeFleet(...hosts), read: registry.read, policy: defaultPolicy },
        registry: {
          readRelease: async (reference) => {
            const found = registry.earlier.get(reference.slice(reference.indexOf('@') + 1)) ?? registry.read;
            return found instanceof RegistryError ? Promise.reject(found) : Promise.resolve(found);
          },
          sizeOf: async () => Promise.resolve(null),
        },
      },
      onBus.map((host) => ({ host, engine: ENGINE })),
    );
    return planned.tree;
  }

  it('goes on when the fleet is as it was planned from outside', async () => {
    const started = await start('3.4.2', '4.1.1');
    const tree = await planFromOutside(started, '3.4.2', '4.1.1');

    const result = await perform(started.activities.preflight, { ...input, tree });

    expect(result.hops).toHaveLength(3);
  });

  it('is refused when the fleet has changed since, and leaves hosts without the image', async () => {
    const started = await start('4.0.1', '4.1.1');
    const tree = await planFromOutside(started, '3.4.2', '4.1.1');
    const { agent, engine, activities } = started;
    agent(1).kill();
    await eventually(() => started.store.json(keys.alive(agent(1).host)) === null);
    const installed = { name: 'sample', version: '4.1.1', digest: digestOf('5') };
    engine(1).programs.set('facts', says(0, hostFacts({ installed })));

    await expect(perform(activities.preflight, { ...input, tree })).rejects.toMatchObject({
      type: failureTypes.wrongInput,
      message: expect.stringMatching(
        /^the fleet has changed since the plan was made: it would be 1 host to 4.1.1, 2 hosts to 4.2.0, with 0 there already \(sha256:.*; plan again$/,
      ) as string,
    });
    expect(engine(1).images.has(imageReference(releaseRef('4.2.0', 'b')))).toBe(false);
  });

  it('has the digest of its text for a name', async () => {
    const started = await start('3.4.2');
    const tree = await planFromOutside(started, '3.4.2');
    const { hops } = await perform(started.activities.preflight, input);

    const plans = hops.map(({ upgrade, planDigest }) => {
      const pages = started.store.under(keys.plan(upgrade, planDigest));
      return (JSON.parse(pages.map(({ value }) => value).join('')) as HopPlan).hop;
    });
    expect(sha256(planTreeText(plans))).toBe(tree);
  });
});

describe('an answer about 16 hops and 6,000 hosts', () => {
  const HOSTS = 6_000;
  /** What Temporal's payloads may have here. */
  const MAX_BYTES = 16 * 1024;

  async function answer(drift: readonly string[], diskFreeBytes: number): Promise<PreflightResult> {
    const started = (harness = startHarness(HOSTS));
    const entries = Array.from({ length: 15 }, (_, index) => ({
      ...chainEntry(`1.${index + 1}.0`, [`1.${index}.x`]),
      digest: parseDigest(sha256(`${index}`)),
    }));
    const shared = { migrations: [migration('add-a-column-for-the-ledger')], backup };
    started.registry.read = releaseAt('2.0.0', 'b', { upgradesFrom: jumps('1.15.x'), chain: entries, ...shared });
    for (const { version, digest, upgradesFrom } of entries) {
      const read = releaseAt(version, 'b', { upgradesFrom, ...shared });
      started.registry.earlier.set(digest, { ...read, ref: { ...read.ref, digest } });
    }
    const installed = { name: 'sample', version: '1.0.0', digest: digestOf('3') };
    const alive = {
      v: 1,
      agent: 'a',
      bootId: 'b',
      phase: 'idle',
      epoch: 0,
      facts: hostFacts({ installed, diskFreeBytes, drift }),
    };
    const puts = started.hosts.map((host) => ({ key: keys.alive(host), value: JSON.stringify(alive) }));
    await started.bus.write({ conditions: [], puts });
    const sizes = [{ hosts: 1 }, { hosts: 5 }, { percent: 25 }];
    const install = { strategy: 'waves' as const, sizes, maxUnavailable: { percent: 10 } };
    return perform(started.activities.preflight, { ...input, policy: { ...defaultPolicy, install } });
  }

  it.each([
    ['nothing is wrong', [], 2 ** 40, 0],
    ['every host differs from what was left there', ['/etc/a-file differs from what 1.0.0 put there'], 2 ** 40, 1],
    ['no host has room', ['/etc/a-file differs from what 1.0.0 put there'], 1, 20],
  ] as const)('stays under 16 kB where %s', async (...[what, drift, diskFreeBytes, findings]) => {
    const result = await answer(drift, diskFreeBytes);

    const bytes = Buffer.byteLength(JSON.stringify(result));
    console.log(`the answer where ${what} has ${bytes} bytes and ${result.findings.length} findings`);
    expect(result.hops).toHaveLength(16);
    expect(result.findings.length).toBeGreaterThanOrEqual(findings);
    expect(bytes).toBeLessThan(MAX_BYTES);
  });
});

const ENGINE = {
  ...{ id: 'x', name: 'x', version: '20.10.24', architecture: 'x86_64', kernel: '6.1.0' },
  ...{ rootDir: '/var/lib/docker', storageDriver: 'overlay2', containers: 0, running: 0 },
};

const sha256 = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

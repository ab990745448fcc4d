import { describe, expect, it } from 'vitest';
import type { HostOnBus } from '../../client/bus-view.ts';
import { planFromReadings, type PlannedUpgrade } from '../../client/plan-upgrade.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { EngineInfo } from '../../model/engine.ts';
import { parseStepId } from '../../model/ids.ts';
import { defaultPolicy, type InstallStrategy, type Policy } from '../../model/policy.ts';
import { RegistryError, type ReadRelease } from '../../model/registry.ts';
import type { ContainerStep, Release } from '../../model/release.ts';
import { chainEntry, digestOf, engineStep, hostWith, jumps, kernelStep, release, service } from '../fakes/release.ts';
import { makeAlive, makeFleet, makeHostOnBus, makeReport, RELEASE } from './bus-values.ts';

const target = (changes: Partial<Release> = {}): ReadRelease => ({
  ref: { ...RELEASE, repository: 'registry.lab:5000/sample', contents: RELEASE.digest },
  release: release({ upgradesFrom: jumps('^1.0.0'), ...changes }),
  agent: null,
  sizeBytes: 40_000_000,
  layers: [],
});
/** 1.5.0, on the way. */
const earlier = (changes: Partial<Release> = {}): ReadRelease => ({
  ...target({ version: '1.5.0', upgradesFrom: jumps('<1.5.0'), ...changes }),
  ref: { ...target().ref, version: '1.5.0', digest: digestOf('e') },
});
const overEarlier = target({ upgradesFrom: jumps('1.5.x'), chain: [chainEntry('1.5.0', ['<1.5.0'])] });
const engine: EngineInfo = {
  ...{ id: 'x', name: 'x', version: '20.10.24', architecture: 'x86_64', kernel: '6.1.0' },
  ...{ rootDir: '/var/lib/docker', storageDriver: 'overlay2', containers: 0, running: 0 },
};

const hostOn = (name: string, version: string | null): HostOnBus => {
  const installed = version === null ? null : { ...RELEASE, version, ...(version !== '2.0.0' && { digest: OTHER }) };
  return { ...makeHostOnBus(name), alive: makeAlive({ installed, phase: installed === null ? 'idle' : 'done' }) };
};
const OTHER = digestOf('b');

type Options = {
  readonly install?: InstallStrategy;
  readonly acceptRisks?: Policy['acceptRisks'];
  readonly engine?: EngineInfo | string;
  readonly read?: ReadRelease;
  /** What the registry has of 1.5.0. */
  readonly earlier?: ReadRelease | RegistryError;
};

async function planOf(hosts: readonly HostOnBus[], options: Options = {}): Promise<PlannedUpgrade> {
  const { install = defaultPolicy.install, acceptRisks = [], read = target() } = options;
  const found = options.earlier ?? earlier();
  return planFromReadings(
    {
      ...{ fleet: makeFleet(...hosts.map(({ host }) => host.name)), read },
      policy: { ...defaultPolicy, install, acceptRisks },
      registry: {
        readRelease: async () => (found instanceof RegistryError ? Promise.reject(found) : Promise.resolve(found)),
        sizeOf: async (image) =>
          image.includes('gone') ? Promise.reject(new RegistryError('unreachable', 'no')) : Promise.resolve(1_000),
      },
    },
    hosts.map((host) => ({ host, engine: options.engine ?? engine })),
  );
}

const errorsOf = ({ findings }: PlannedUpgrade): readonly string[] =>
  findings.filter((finding) => finding.severity === 'error').map(({ host, what }) => `${host ?? 'fleet'}: ${what}`);

describe('the plan of an upgrade, from outside', () => {
  it('has every host in the fleet file’s order, with the version it comes from', async () => {
    const plan = await planOf([hostOn('host-1', '1.0.0'), hostOn('host-2', null)]);

    expect(errorsOf(plan)).toEqual([]);
    expect(plan.hops[0]?.waves.map((wave) => wave.hosts)).toEqual([
      [
        { name: 'host-1', from: '1.0.0' },
        { name: 'host-2', from: null },
      ],
    ]);
  });

  it('has kernel and engine of every host, by its agent, or the kernel by its engine', async () => {
    const read = target(hostWith(kernelStep('6.2'), engineStep({ 'docker.io': '25' })));
    const one = hostOn('host-1', '1.0.0');
    const facts = { ...makeAlive().facts, ...one.alive?.facts, engine: { package: 'docker.io', version: '24' } };
    const agent = { ...one, alive: { ...makeAlive(), facts } };

    const plan = await planOf([agent, makeHostOnBus('host-2')], { read });

    expect(plan.hops[0]?.waves[0]?.hosts).toEqual([
      { name: 'host-1', from: '1.0.0', kernel: '6.1.0-18', engine: 'docker.io 24' },
      { name: 'host-2', from: null, kernel: '6.1.0' },
    ]);
  });

  it('leaves hosts alone that are on the release', async () => {
    const plan = await planOf([hostOn('host-1', '2.0.0'), hostOn('host-2', '1.0.0')]);

    expect(plan.hops[0]?.alreadyThere).toEqual([{ name: 'host-1', from: '2.0.0' }]);
    expect(plan.hops[0]?.waves.flatMap((wave) => wave.hosts.map((host) => host.name))).toEqual(['host-2']);
  });

  it('refuses versions that the release can’t be installed over, naming each host', async () => {
    const plan = await planOf([hostOn('host-1', '0.9.0'), hostOn('host-2', '3.0.0'), hostOn('host-3', '1.4.0')]);

    expect(errorsOf(plan)).toHaveLength(2);
    expect(errorsOf(plan)[0]).toContain('host-1: is on sample 0.9.0');
    expect(errorsOf(plan)[1]).toContain('host-2: is on sample 3.0.0, which is newer');
  });

  it('names every engine that doesn’t answer', async () => {
    const plan = await planOf([hostOn('host-1', null), hostOn('host-2', null)], {
      engine: 'no answer at tcp://127.0.0.1:1',
    });

    expect(errorsOf(plan)).toEqual([
      'host-1: no answer at tcp://127.0.0.1:1',
      'host-2: no answer at tcp://127.0.0.1:1',
    ]);
  });

  it('believes the last report where the agent’s facts are older', async () => {
    const host = hostOn('host-1', '1.0.0');
    const upgraded = { ...host, report: makeReport({ changedAt: Number.MAX_SAFE_INTEGER }) };

    expect((await planOf([upgraded])).hops[0]?.alreadyThere).toEqual([{ name: 'host-1', from: '2.0.0' }]);
  });

  it('says which hosts can’t be judged before the upgrade looks at them', async () => {
    const plan = await planOf([makeHostOnBus('host-1')]);

    expect(errorsOf(plan)).toEqual([]);
    expect(plan.findings.map((finding) => finding.host)).toEqual(['host-1']);
  });

  it('is the same when made twice', async () => {
    const hosts = [hostOn('host-1', '1.0.0'), hostOn('host-2', '2.0.0')];

    expect(await planOf(hosts)).toEqual(await planOf(hosts));
  });

  it('goes over the releases of the chain, each with what hosts pull for it', async () => {
    const host = { ...release().host, steps: [container('dns'), container('gone')] };
    const plan = await planOf([hostOn('host-1', '1.0.0'), hostOn('host-2', '1.5.0'), hostOn('host-3', '2.0.0')], {
      ...{ read: overEarlier, earlier: earlier({ host }) },
    });

    expect(errorsOf(plan)).toEqual([]);
    expect(plan.hops.map(({ to, waves }) => [to, waves.flatMap(({ hosts }) => hosts)])).toEqual([
      ['1.5.0', [{ name: 'host-1', from: '1.0.0' }]],
      [
        '2.0.0',
        [
          { name: 'host-1', from: '1.5.0' },
          { name: 'host-2', from: '1.5.0' },
        ],
      ],
    ]);
    expect(plan.hops[1]?.alreadyThere).toEqual([{ name: 'host-3', from: '2.0.0' }]);
    expect(plan.hops[0]?.images).toEqual([
      { image: container('dns').image, sizeBytes: 1_000 },
      { image: container('gone').image, sizeBytes: null },
    ]);
  });

  it('says that a release of the chain is gone', async () => {
    const gone = new RegistryError('notFound', 'no');
    const plan = await planOf([hostOn('host-1', '1.0.0')], { read: overEarlier, earlier: gone });

    expect(errorsOf(plan)).toEqual([
      `fleet: sample 1.5.0 (${digestOf('e')}) in the chain of sample 2.0.0 is not in registry.lab:5000/sample any more`,
    ]);
  });

  it('does not guess where the registry does not answer', async () => {
    const away = new RegistryError('unreachable', 'registry.lab:5000 does not answer');

    const plan = planOf([hostOn('host-1', '1.0.0')], { read: overEarlier, earlier: away });

    await expect(plan).rejects.toThrow(Unreachable);
  });

  it('needs a risk to be accepted by its name', async () => {
    const limit = { limit: 'risk', name: 'reindex', reason: 'reads are slow' } as const;
    const read = target({ upgradesFrom: [{ range: '1.x', limit }] });

    const [refused, accepted] = await Promise.all([
      planOf([hostOn('host-1', '1.0.0')], { read }),
      planOf([hostOn('host-1', '1.0.0')], { read, acceptRisks: ['reindex'] }),
    ]);

    expect(refused.findings[0]?.remedy).toContain('accept it with --accept-risk reindex');
    expect(errorsOf(accepted)).toEqual([]);
    expect(accepted.hops[0]?.risks).toEqual([{ name: 'reindex', reason: 'reads are slow' }]);
  });

  it('judges a host whose agent is gone by its last report', async () => {
    const there = { ...makeHostOnBus('host-1'), report: makeReport() };
    const beyond = {
      ...makeHostOnBus('host-2'),
      report: makeReport({ installed: { ...RELEASE, version: '3.0.0', digest: OTHER } }),
    };

    const plan = await planOf([there, beyond]);

    expect(plan.hops[0]?.alreadyThere).toEqual([{ name: 'host-1', from: '2.0.0' }]);
    expect(errorsOf(plan)).toEqual([expect.stringMatching(/^host-2: is on sample 3.0.0, which is newer/)]);
  });

  it('has another tree when another host is somewhere else, and the same one for the same fleet', async () => {
    const trees = await Promise.all(
      ['1.0.0', '1.0.0', '1.5.0', null].map(async (version) =>
        planOf([hostOn('host-1', version)], { read: overEarlier }),
      ),
    );

    expect(trees[0]?.tree).toBe(trees[1]?.tree);
    expect(new Set(trees.map(({ tree }) => tree)).size).toBe(3);
  });

  it('names the services that follow, infrastructure first, also where every host is there already', async () => {
    const services = [service('web'), { ...service('dns'), infrastructure: true }];
    const { hops } = await planOf([hostOn('host-1', '2.0.0')], { read: target({ services }) });

    expect(hops[0]?.services.map(({ name }) => name)).toEqual(['dns', 'web']);
  });
});

const container = (name: string): ContainerStep => ({
  ...{ id: parseStepId(name), type: 'container', name, image: `registry.lab:5000/${name}@${digestOf('d')}` },
  ...{
    command: [],
    env: {},
    ports: [],
    volumes: [],
    network: 'bridge',
    restart: 'always',
    base: 'stated',
    timeoutMs: 1,
  },
});

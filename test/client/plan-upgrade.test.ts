import { describe, expect, it } from 'vitest';
import type { HostOnBus } from '../../client/bus-view.ts';
import { planText } from '../../client/cli/plan.ts';
import { planFromReadings, type PlannedUpgrade } from '../../client/plan-upgrade.ts';
import type { EngineInfo } from '../../model/engine.ts';
import { parseDigest, parseStepId } from '../../model/ids.ts';
import { defaultPolicy, type InstallStrategy } from '../../model/policy.ts';
import type { ReadRelease } from '../../model/registry.ts';
import type { Release } from '../../model/release.ts';
import { service } from '../fakes/release.ts';
import { makeAlive, makeFleet, makeHostOnBus, makeReport, RELEASE } from './bus-values.ts';

const release: Release = {
  schema: 1,
  name: 'sample',
  version: '2.0.0',
  upgradesFrom: ['^1.0.0'],
  fleets: [],
  host: {
    deadlineMs: 600_000,
    diskFreeBytes: 1_000,
    steps: [{ id: parseStepId('restart'), type: 'reboot', timeoutMs: 1_000 }],
    health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 },
  },
  services: [],
  units: [],
  contents: [],
};
const read: ReadRelease = {
  ref: { ...RELEASE, repository: 'registry.lab:5000/sample', contents: RELEASE.digest },
  release,
  sizeBytes: 40_000_000,
  layers: [],
};
const engine: EngineInfo = {
  ...{ id: 'x', name: 'x', version: '20.10.24', architecture: 'x86_64', kernel: '6.1.0' },
  ...{ rootDir: '/var/lib/docker', storageDriver: 'overlay2', containers: 0, running: 0 },
};

const hostOn = (name: string, version: string | null): HostOnBus => {
  const installed = version === null ? null : { ...RELEASE, version, ...(version !== '2.0.0' && { digest: OTHER }) };
  return { ...makeHostOnBus(name), alive: makeAlive({ installed, phase: installed === null ? 'idle' : 'done' }) };
};
const OTHER = parseDigest(`sha256:${'b'.repeat(64)}`);

function planOf(
  hosts: readonly HostOnBus[],
  options: {
    readonly install?: InstallStrategy;
    readonly engine?: EngineInfo | string;
    readonly services?: Release['services'];
  } = {},
): PlannedUpgrade {
  const policy = { ...defaultPolicy, install: options.install ?? defaultPolicy.install };
  const fleet = makeFleet(...hosts.map(({ host }) => host.name));
  return planFromReadings(
    { fleet, policy, read: { ...read, release: { ...release, services: options.services ?? [] } } },
    hosts.map((host) => ({ host, engine: options.engine ?? engine })),
  );
}

const errorsOf = ({ findings }: PlannedUpgrade): readonly string[] =>
  findings.filter((finding) => finding.severity === 'error').map(({ host, what }) => `${host ?? 'fleet'}: ${what}`);

describe('the plan of an upgrade, from outside', () => {
  it('has every host in the fleet file’s order, with the version it comes from', () => {
    const plan = planOf([hostOn('host-1', '1.0.0'), hostOn('host-2', null)]);

    expect(errorsOf(plan)).toEqual([]);
    expect(plan.hops[0]?.waves.map((wave) => wave.hosts)).toEqual([
      [
        { name: 'host-1', from: '1.0.0' },
        { name: 'host-2', from: null },
      ],
    ]);
  });

  it('leaves hosts alone that are on the release', () => {
    const plan = planOf([hostOn('host-1', '2.0.0'), hostOn('host-2', '1.0.0')]);

    expect(plan.hops[0]?.alreadyThere).toEqual([{ name: 'host-1', from: '2.0.0' }]);
    expect(plan.hops[0]?.waves.flatMap((wave) => wave.hosts.map((host) => host.name))).toEqual(['host-2']);
  });

  it('refuses versions that the release can’t be installed over, naming each host', () => {
    const plan = planOf([hostOn('host-1', '0.9.0'), hostOn('host-2', '3.0.0'), hostOn('host-3', '1.4.0')]);

    expect(errorsOf(plan)).toHaveLength(2);
    expect(errorsOf(plan)[0]).toContain('host-1: is on sample 0.9.0');
    expect(errorsOf(plan)[1]).toContain('host-2: is on sample 3.0.0, which is newer');
  });

  it('names every engine that doesn’t answer', () => {
    const plan = planOf([hostOn('host-1', null), hostOn('host-2', null)], { engine: 'no answer at tcp://127.0.0.1:1' });

    expect(errorsOf(plan)).toEqual([
      'host-1: no answer at tcp://127.0.0.1:1',
      'host-2: no answer at tcp://127.0.0.1:1',
    ]);
  });

  it('believes the last report where the agent’s facts are older', () => {
    const host = hostOn('host-1', '1.0.0');
    const upgraded = { ...host, report: makeReport({ changedAt: Number.MAX_SAFE_INTEGER }) };

    expect(planOf([upgraded]).hops[0]?.alreadyThere).toEqual([{ name: 'host-1', from: '2.0.0' }]);
  });

  it('says which hosts can’t be judged before the upgrade looks at them', () => {
    const plan = planOf([makeHostOnBus('host-1')]);

    expect(errorsOf(plan)).toEqual([]);
    expect(plan.findings.map((finding) => finding.host)).toEqual(['host-1']);
  });

  it('is the same when made twice', () => {
    const hosts = [hostOn('host-1', '1.0.0'), hostOn('host-2', '2.0.0')];

    expect(planOf(hosts)).toEqual(planOf(hosts));
  });

  it('reads as a tree', () => {
    const install: InstallStrategy = {
      strategy: 'waves',
      sizes: [{ hosts: 1 }, { hosts: 2 }],
      maxUnavailable: { hosts: 1 },
    };
    const hosts = [
      hostOn('host-1', '1.0.0'),
      hostOn('host-2', '1.0.0'),
      hostOn('host-3', '1.0.0'),
      hostOn('host-4', '2.0.0'),
    ];

    expect(planText(planOf(hosts, { install })).split('\n')).toEqual([
      'sample 2.0.0 on fleet lab',
      `  registry.lab:5000/sample@${RELEASE.digest}`,
      '  every host downloads 40.0 MB',
      '  every host applies restart (reboot)',
      '  wave-1: host-1 (1.0.0); at most 1 out of service at once',
      '  wave-2: host-2 (1.0.0), host-3 (1.0.0); at most 1 out of service at once',
      '  there already, not touched: host-4',
    ]);
  });

  it('says so when nothing has to be done', () => {
    expect(planText(planOf([hostOn('host-1', '2.0.0')]))).toContain('nothing has to be done');
  });

  it('names the services that follow, infrastructure first, also where every host is there already', () => {
    const services = [service('web'), { ...service('dns'), infrastructure: true }];
    const text = planText(planOf([hostOn('host-1', '2.0.0')], { services }));

    expect(text.split('\n').slice(-3)).toEqual([
      '  there already, not touched: host-1',
      `  then service dns (infrastructure): one member after another, to ${service('dns').image}`,
      `  then service web: one member after another, to ${service('web').image}`,
    ]);
  });
});

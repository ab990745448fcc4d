import { describe, expect, it } from 'vitest';
import { estimateText, planLines } from '../../client/cli/plan-lines.ts';
import type { Estimate } from '../../client/estimate.ts';
import { parseHostId, parseServiceId } from '../../model/ids.ts';
import type { Hop, PlannedService } from '../../model/plan.ts';
import { defaultPolicy } from '../../model/policy.ts';
import type { Finding } from '../../model/upgrade.ts';
import { imageOfBuild, NEW_BUILD } from '../fakes/fake-upgrader.ts';
import { digestOf } from '../fakes/release.ts';
import { makeHop, makePlan, planHost, planHosts, planMigration, threeHops } from './plans.ts';

const nobody: Estimate = { estimate: 'none', because: 'there is no earlier upgrade to judge by' };
const image = (name: string): string => `registry.lab:5000/${name}@${digestOf('d')}`;
const web: PlannedService = {
  ...{ name: parseServiceId('web'), image: image('web'), strategy: { strategy: 'inPlace' }, mode: 'inPlace' },
  ...{ compatible: true, infrastructure: false },
};

const textOf = (...plan: Parameters<typeof makePlan>): string => planLines(makePlan(...plan), nobody).join('\n');

describe('a plan of one hop', () => {
  it('reads as a tree of phases in the order in which they run', () => {
    const install = { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 2 }], maxUnavailable: { hosts: 1 } } as const;
    const hop = makeHop('2.0.0', planHosts(3, '1.0.0'), { install, alreadyThere: [planHost('host-4', '2.0.0')] });

    expect(planLines(makePlan([hop]), nobody)).toEqual([
      'sample 2.0.0 on fleet lab',
      `  registry.lab:5000/sample@${digestOf('b')}`,
      '  no estimate of time: there is no earlier upgrade to judge by',
      'hop: 1.0.0 → 2.0.0, 3 hosts, 40.0 MB on each',
      '  download: 40.0 MB on every host, at most 8 hosts at a time',
      '    the release 40.0 MB',
      '  install: every host applies packages (packages)',
      '    wave-1: host-1 (1.0.0); at most 1 out of service at once',
      '    wave-2: host-2 (1.0.0), host-3 (1.0.0); at most 1 out of service at once',
      '  there already, not touched: host-4',
      '  verify: every host of the hop is on 2.0.0',
    ]);
  });

  it('shows kernels and engines, old and new, a line for all hosts that have the same', () => {
    const steps: Hop['steps'] = [
      { id: 'kernel', type: 'kernel', to: { kernel: '6.2' } },
      { id: 'engine', type: 'engine', to: { engine: { 'docker.io': '25', containerd: '2' } } },
    ];
    const [first, ...others] = planHosts(3, '1.0.0').map((host) => ({
      ...host,
      kernel: '6.1',
      engine: 'docker.io 24',
    }));
    const hosts = [...(first === undefined ? [] : [{ ...first, kernel: '6.0' }]), ...others];

    const text = textOf([makeHop('2.0.0', hosts, { steps })]);

    expect(text).toContain('    kernel: 6.0 → 6.2 on 1 host (host-1); each restarts once\n');
    expect(text).toContain('    kernel: 6.1 → 6.2 on 2 hosts (host-2, host-3); each restarts once\n');
    expect(text).toContain(
      '    engine: docker.io 24 → docker.io 25, containerd 2 on 3 hosts (host-1, host-2, host-3); containers run on',
    );
  });

  it('says of hosts that have the kernel already, and of those that nobody knows it of', () => {
    const steps: Hop['steps'] = [{ id: 'kernel', type: 'kernel', to: { kernel: '6.2' } }];
    const [first, second] = [planHost('host-1', '1.0.0'), planHost('host-2', '1.0.0')];

    const text = textOf([makeHop('2.0.0', [{ ...first, kernel: '6.2' }, second], { steps })]);

    expect(text).toContain('    kernel: 6.2 already on 1 host (host-1)\n');
    expect(text).toContain('    kernel: not known yet → 6.2 on 1 host (host-2); each restarts once\n');
  });

  it('begins with refit itself, where the release brings a new one', () => {
    const upgrader = { image: imageOfBuild(NEW_BUILD), hosts: [parseHostId('host-1'), parseHostId('host-2')] };
    const selfUpgrade = { upgrader, agents: { to: '2.0.0+abc', hosts: 3 } };

    const lines = planLines(makePlan([makeHop('2.0.0', planHosts(3, '1.0.0'))], { selfUpgrade }), nobody);

    expect(lines.slice(3, 6)).toEqual([
      'self-upgrade, before anything else',
      `  upgrader: build ${NEW_BUILD} on host-1, host-2, unless it is current already`,
      '  agents: 3 hosts to 2.0.0+abc, the first by itself',
    ]);
  });

  it('says so when nothing has to be done', () => {
    expect(textOf([makeHop('2.0.0', [], { alreadyThere: planHosts(2, '2.0.0') })])).toContain('nothing has to be done');
  });

  it('has migrations and services of hosts that are there already', () => {
    const hop = makeHop('2.0.0', [], { alreadyThere: planHosts(1, '2.0.0'), services: [web] });

    expect(textOf([hop])).not.toContain('nothing has to be done');
    expect(textOf([hop])).toContain(
      '  services:\n    web: one member after another, to registry.lab:5000/web@sha256:dddddddddddd',
    );
  });

  it('sums up what a host downloads, image by image, and names those of unknown size', () => {
    const images = [
      { image: image('dns'), sizeBytes: 2_500_000 },
      { image: image('db'), sizeBytes: null },
    ];

    expect(
      textOf([makeHop('2.0.0', planHosts(1, null), { images })])
        .split('\n')
        .slice(3, 8),
    ).toEqual([
      'hop: nothing → 2.0.0, 1 host, 42.5 MB and 1 of unknown size on each',
      '  download: 42.5 MB and 1 of unknown size on every host, at most 8 hosts at a time',
      '    the release 40.0 MB',
      '    registry.lab:5000/dns@sha256:dddddddddddd 2.5 MB',
      '    registry.lab:5000/db@sha256:dddddddddddd of unknown size',
    ]);
  });
});

describe('a plan over several hops', () => {
  const migrations = [
    planMigration('add-columns'),
    planMigration('index', { hasDown: false }),
    planMigration('drop-old', { when: 'contract', hasDown: false, isPointOfNoReturn: true }),
  ];
  const hops = (): readonly Hop[] => {
    const [first, , last] = threeHops();
    const second = makeHop('4.1.1', planHosts(3, '4.0.1'), { migrations, hasBackup: true, services: [web] });
    return [first, second, last].filter((hop) => hop !== undefined);
  };

  it('has each hop with where it comes from, and the gates between them', () => {
    expect(
      textOf(hops())
        .split('\n')
        .filter((line) => !line.startsWith(' ')),
    ).toEqual([
      'sample 4.2.0 on fleet lab, in 3 hops over 4.0.1, 4.1.1',
      'hop 1 of 3: 3.4.2 → 4.0.1, 3 hosts, 40.0 MB on each',
      'gate and checkpoint 4.0.1: the hop to 4.1.1 waits until all of the hop to 4.0.1 is verified',
      'hop 2 of 3: 4.0.1 → 4.1.1, 3 hosts, 40.0 MB on each',
      'gate and checkpoint 4.1.1: the hop to 4.2.0 waits until all of the hop to 4.1.1 is verified',
      'hop 3 of 3: 4.1.1 → 4.2.0, 3 hosts, 40.0 MB on each',
    ]);
    expect(textOf(hops())).toContain('every host downloads at most 120.0 MB in all');
  });

  it('has backup, migrations and services in their order, and marks the point of no return', () => {
    const lines = textOf(hops()).split('\n');
    const from = lines.indexOf('  backup: verified and kept, before the first migration');

    expect(lines.slice(from, from + 8)).toEqual([
      '  backup: verified and kept, before the first migration',
      '  migrations (expand, while the earlier services serve):',
      '    add-columns, with a way back',
      '    index, stays on a roll back',
      '  services:',
      '    web: one member after another, to registry.lab:5000/web@sha256:dddddddddddd',
      '  migrations (contract, once the services are upgraded):',
      '    drop-old, POINT OF NO RETURN: no roll back goes past it; waits for: refit approve ID drop-old',
    ]);
    expect(lines).toContain('  POINTS OF NO RETURN, each waits for an operator: drop-old of 4.1.1');
  });

  it('backs up after the services where only the last migrations change anything', () => {
    const hop = makeHop('2.0.0', planHosts(1, '1.0.0'), {
      ...{ services: [web], hasBackup: true },
      migrations: migrations.filter(({ when }) => when === 'contract'),
    });
    const text = textOf([hop]);

    expect(text.indexOf('  backup:')).toBeGreaterThan(text.indexOf('  services:'));
  });

  it('says which points of no return nobody will be asked about', () => {
    const text = textOf(hops(), { policy: { ...defaultPolicy, pointsOfNoReturn: 'pass' } });

    expect(text).toContain('POINTS OF NO RETURN, passed without asking: drop-old of 4.1.1');
    expect(text).not.toContain('refit approve');
  });

  it('has the gates that --step asks for', () => {
    const text = textOf(threeHops(), { policy: { ...defaultPolicy, step: true } });

    expect(text).toContain('is verified, and on: refit approve ID 4.1.1');
    expect(text).toContain('gates: each wave waits for: refit approve ID WAVE');
  });

  it('names the risks that were accepted', () => {
    const risks = [{ name: 'long-lock', reason: 'the table is locked for minutes' }];

    expect(textOf([makeHop('2.0.0', planHosts(1, '1.0.0'), { risks })])).toContain(
      '  risk long-lock is accepted: the table is locked for minutes',
    );
  });

  it('has hosts of several versions join where their own path does', () => {
    const plan = [
      makeHop('4.0.1', [planHost('host-1', '3.4.2')]),
      makeHop('4.2.0', [planHost('host-1', '4.0.1'), planHost('host-2', '4.1.0')]),
    ];

    expect(textOf(plan)).toContain('hop 2 of 2: 4.0.1, 4.1.0 → 4.2.0, 2 hosts');
  });
});

describe('the estimate', () => {
  const estimate: Estimate = {
    ...{ estimate: 'known', installMs: 270_000, hostMs: 30_000, hosts: 12, upgrades: ['lab-3', 'lab-2'] },
    hops: ['4.0.1', '4.1.1', '4.2.0'].map((to) => ({ to, turns: 3, installMs: 90_000 })),
  };

  it('says from what it was taken, and what it leaves out', () => {
    expect(estimateText(estimate)).toBe(
      'installs take about 4m 30s (9 one after another at 30s, the median of 12 hosts of lab-3, lab-2); ' +
        'downloads, services and migrations come on top',
    );
  });

  it('stands at each hop', () => {
    expect(planLines(makePlan(threeHops()), estimate)).toContain(
      'hop 2 of 3: 4.0.1 → 4.1.1, 3 hosts, 40.0 MB on each, installs about 1m 30s',
    );
  });
});

describe('the plan of ten thousand hosts', () => {
  const hosts = planHosts(10_000, '1.0.0');

  it.each([
    ['serial', { strategy: 'serial' }],
    ['a daisy chain', { strategy: 'daisy-chain' }],
    ['waves', { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 5 }, { percent: 25 }], maxUnavailable: null }],
    [
      'many sizes',
      {
        strategy: 'waves',
        sizes: Array.from({ length: 60 }, (_, index) => ({ hosts: index + 1 })),
        maxUnavailable: null,
      },
    ],
  ] as const)('stays short: %s', (_, install) => {
    const findings = hosts.map(({ name }): Finding => {
      return { host: name, severity: 'warning', what: 'has no agent', remedy: 'nothing to do' };
    });
    const lines = planLines(makePlan([makeHop('2.0.0', hosts, { install })], { findings }), nobody);

    expect(lines.length).toBeLessThan(80);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(700);
    expect(lines.at(-1)).toBe('and 9960 more findings; all of them: refit plan --json');
  });

  it('stays short with a kernel of its own on every host', () => {
    const steps: Hop['steps'] = [{ id: 'kernel', type: 'kernel', to: { kernel: '6.2' } }];
    const each = hosts.map((host, index) => ({ ...host, kernel: `6.1.${index}` }));

    const lines = textOf([makeHop('2.0.0', each, { steps })]).split('\n');

    expect(lines.filter((line) => line.startsWith('    kernel: '))).toHaveLength(9);
    expect(lines).toContain('    kernel: 9992 other versions → 6.2 on 9992 hosts; each restarts once');
  });

  it('says of waves that are alike how many there are', () => {
    expect(textOf([makeHop('2.0.0', hosts)])).toContain(
      '    serial-2 and 154 more like it: 64 hosts each; at most 1 out of service at once',
    );
  });

  it('shows errors before warnings', () => {
    const findings: readonly Finding[] = [
      { host: parseHostId('host-1'), severity: 'warning', what: 'a clock is off', remedy: 'set it' },
      { host: null, severity: 'error', what: 'no path', remedy: 'publish one' },
    ];

    expect(planLines(makePlan([makeHop('2.0.0', planHosts(2, null))], { findings }), nobody).slice(-2)).toEqual([
      'error: fleet: no path; publish one',
      'warning: host-1: a clock is off; set it',
    ]);
  });
});

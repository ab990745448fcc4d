import { describe, expect, it } from 'vitest';
import { planChanges } from '../../client/plan-changes.ts';
import type { PlannedUpgrade } from '../../client/plan-upgrade.ts';
import { parseSavedPlan, savedPlanText } from '../../client/saved-plan.ts';
import type { SavedPlan } from '../../client/saved-plan-schema.ts';
import { defaultPolicy, type InstallStrategy } from '../../model/policy.ts';
import { parseFleetId, parseServiceId, parseStepId } from '../../model/ids.ts';
import type { Hop, PlannedHost } from '../../model/plan.ts';
import { digestOf, releaseRef } from '../fakes/release.ts';
import { makeHop, makePlan, planHost, planHosts, planMigration, threeHops } from './plans.ts';

const REFERENCE = 'registry.lab:5000/sample:4.2.0';
const MADE_AT = new Date('2026-01-02T03:04:05.000Z');

const textOf = (plan: PlannedUpgrade): string => savedPlanText(plan, { reference: REFERENCE, madeAt: MADE_AT });
const save = (plan: PlannedUpgrade): SavedPlan => parseSavedPlan('plan.json', textOf(plan));

/** What a file says is wrong with it. */
function faultsOf(text: string): readonly string[] {
  try {
    parseSavedPlan('plan.json', text);
  } catch (error) {
    return error instanceof Error ? error.message.split('\n') : [];
  }
  return [];
}

describe('a saved plan', () => {
  it('is read as it was written', () => {
    const install: InstallStrategy = {
      strategy: 'waves',
      sizes: [{ hosts: 1 }, { percent: 25 }],
      maxUnavailable: null,
    };
    const policy = { ...defaultPolicy, install, acceptRisks: ['long-lock'], pointsOfNoReturn: 'pass' as const };
    const plan = makePlan(threeHops(), { policy });

    expect(save(plan)).toMatchObject({
      ...{ v: 1, reference: REFERENCE, digest: plan.release.digest, fleet: 'lab', policy, tree: plan.tree },
      madeAt: '2026-01-02T03:04:05.000Z',
    });
    expect(save(plan).hops.map(({ to }) => to)).toEqual(['4.0.1', '4.1.1', '4.2.0']);
  });

  it('of ten thousand hosts over three hops is read, too', () => {
    const hops = ['4.0.1', '4.1.1', '4.2.0'].map((to) => makeHop(to, planHosts(10_000, '3.4.2')));

    expect(save(makePlan(hops)).hops).toHaveLength(3);
  });

  const good = textOf(makePlan([makeHop('2.0.0', planHosts(1, '1.0.0'))]));

  it.each([
    ['no text', '', 'plan.json:1:1: expected'],
    ['prose', 'the plan of Monday', 'plan.json:1:1: expected JSON'],
    ['JSON that is cut off', good.slice(0, 300), 'plan.json:'],
    ['a list', '[]', 'plan.json:1:1: expected a group of fields'],
    ['another version’s plan', good.replace('"v": 1', '"v": 2'), 'plan.json:2:3: v: expected 1, got 2'],
    ['a digest that is none', good.replace(/"tree": ".*"/, '"tree": "e"'), 'tree: expected a digest such as sha256:'],
    ['a strategy that there is not', good.replace('"serial"', '"parallel"'), 'policy.install.strategy: expected'],
    [
      'a field that no policy has',
      good.replace('"step": false', '"step": false, "fast": true'),
      'policy.fast: unknown',
    ],
    [
      'a host without a name',
      good.replace('"name": "host-1"', '"name": 1'),
      'hops[0].waves[0].hosts[0].name: expected',
    ],
    ['a time that is none', good.replace(MADE_AT.toISOString(), 'Monday'), 'madeAt: expected a time such as'],
  ])('names line and field of %s', (_, text, fault) => {
    expect(faultsOf(text)[0]).toContain(fault);
    expect(faultsOf(text)[0]).toMatch(/^plan\.json:\d+:\d+: /);
  });

  it('names the field of a plan too large to have lines', () => {
    const hops = ['4.0.1', '4.2.0'].map((to) => makeHop(to, planHosts(10_000, '3.4.2')));
    const large = textOf(makePlan(hops));

    expect(faultsOf(large.replace('"v": 1', '"v": 2'))).toEqual(['plan.json:1:1: v: expected 1, got 2']);
  });
});

describe('a saved plan that is started', () => {
  const before = makePlan(threeHops());
  const after = (changes: Partial<PlannedUpgrade>): PlannedUpgrade => ({ ...before, tree: digestOf('f'), ...changes });
  /** The plan of these hosts in one hop, as it was and as it is. */
  const inOneHop = (was: readonly PlannedHost[], is: readonly PlannedHost[], changes: Partial<Hop> = {}) =>
    planChanges(
      save(makePlan([makeHop('4.2.0', was)])),
      makePlan([makeHop('4.2.0', is, changes)], { tree: digestOf('f') }),
    );

  it('holds while the tree is the same', () => {
    expect(planChanges(save(before), before)).toEqual([]);
  });

  it('names hosts that are on another version, are new, or are gone', () => {
    const was = [
      planHost('host-1', '3.4.2'),
      planHost('host-2', '3.4.2'),
      planHost('host-3', null),
      planHost('host-4', '3.4.2'),
    ];
    const is = [
      planHost('host-1', '3.4.2'),
      planHost('host-2', '4.0.1'),
      planHost('host-3', '3.4.2'),
      planHost('host-5', null),
    ];

    expect(inOneHop(was, is)).toEqual([
      'host-2 was on 3.4.2, is on 4.0.1',
      'host-3 had no release, is on 3.4.2',
      'host-4 is no longer in the fleet',
      'host-5 is new',
    ]);
  });

  it('names a host that is on the target by now', () => {
    const [first, ...others] = planHosts(2, '3.4.2');
    const alreadyThere = [planHost('host-1', '4.2.0')];

    expect(inOneHop([...(first === undefined ? [] : [first]), ...others], others, { alreadyThere })).toEqual([
      'host-1 was on 3.4.2, is on 4.2.0',
    ]);
  });

  it('names a path that has become another', () => {
    const [first, , last] = threeHops();
    const hops = [first, last].filter((hop) => hop !== undefined);

    expect(planChanges(save(before), after({ hops }))).toEqual([
      'the path was 4.0.1 → 4.1.1 → 4.2.0, is 4.0.1 → 4.2.0',
    ]);
  });

  it('names a tag that means another release now, though nothing else has changed', () => {
    const release = releaseRef('4.2.0', '9');

    expect(planChanges(save(before), { ...before, release })).toEqual([
      `${REFERENCE} meant ${digestOf('b')}, now means ${digestOf('9')}`,
    ]);
  });

  it('names a release on the way that is another', () => {
    const hops = threeHops().map((hop) => (hop.to === '4.1.1' ? { ...hop, release: releaseRef('4.1.1', '9') } : hop));

    expect(planChanges(save(before), after({ hops }))).toEqual([
      `in the hop to 4.1.1: release 4.1.1 was ${digestOf('b')}, is ${digestOf('9')}`,
    ]);
  });

  it('names what is to be done otherwise in a hop', () => {
    const hosts = planHosts(1, '1.0.0');
    const changes = {
      steps: [{ id: parseStepId('restart'), type: 'reboot' }],
      migrations: [planMigration('add-columns')],
      hasBackup: true,
      risks: [{ name: 'long-lock', reason: 'minutes' }],
      services: [
        {
          name: parseServiceId('web'),
          image: 'web@x',
          strategy: { strategy: 'inPlace' },
          mode: 'inPlace',
          compatible: true,
          infrastructure: false,
        },
      ],
    } as const;

    expect(inOneHop(hosts, hosts, changes)).toEqual(
      [
        ...['step packages is gone', 'step restart is new', 'risk long-lock is new', 'service web is new'],
        ...['migration add-columns is new', 'the backup is new'],
      ].map((change) => `in the hop to 4.2.0: ${change}`),
    );
  });

  it('names a part that has the same name and is another, whatever order a file has its fields in', () => {
    const hop = makeHop('4.2.0', planHosts(1, null), { migrations: [planMigration('a'), planMigration('b')] });
    const saved = save(
      makePlan([
        {
          ...hop,
          migrations: [{ isPointOfNoReturn: false, hasDown: true, when: 'expand', name: 'a' }, planMigration('b')],
        },
      ]),
    );
    const now = { ...hop, migrations: [planMigration('a'), planMigration('b', { hasDown: false })] };

    expect(planChanges(saved, makePlan([now], { tree: digestOf('f') }))).toEqual([
      'in the hop to 4.2.0: migration b is another',
    ]);
  });

  it('names a step that brings another kernel, and not that a host has another one by now', () => {
    const hosts = planHosts(1, '1.0.0');
    const brings = (kernel: string): Partial<Hop> => ({ steps: [{ id: 'kernel', type: 'kernel', to: { kernel } }] });
    const saved = save(makePlan([makeHop('4.2.0', hosts, brings('6.2'))]));
    const others = hosts.map((host) => ({ ...host, kernel: '6.1' }));

    expect(planChanges(saved, makePlan([makeHop('4.2.0', hosts, brings('6.3'))], { tree: digestOf('f') }))).toEqual([
      'in the hop to 4.2.0: step kernel is another',
    ]);
    expect(planChanges(saved, makePlan([makeHop('4.2.0', others, brings('6.2'))]))).toEqual([]);
  });

  it('names hosts that go in another order, and waves that are cut otherwise', () => {
    const hosts = planHosts(3, '1.0.0');
    const install = { strategy: 'waves', sizes: [{ hosts: 1 }], maxUnavailable: null } as const;

    expect(inOneHop(hosts, [...hosts].reverse())).toEqual(['hosts go in another order']);
    expect(inOneHop(hosts, hosts, makeHop('4.2.0', hosts, { install }))).toEqual([
      'in the hop to 4.2.0: the waves are others',
    ]);
  });

  it('belongs to its own fleet', () => {
    expect(planChanges(save(before), after({ fleet: parseFleetId('site-b') }))).toEqual([
      'it was made for fleet lab, this is fleet site-b',
    ]);
  });

  it('says at most twenty changes, and how many more there are', () => {
    const changes = inOneHop(planHosts(500, '1.0.0'), planHosts(500, '1.1.0'));

    expect(changes).toHaveLength(20);
    expect(changes.at(-1)).toBe('and 481 more changes');
  });

  it('is refused for another tree even if nobody can say what differs', () => {
    expect(planChanges(save(before), after({}))).toEqual([
      `what would be done is another tree: it was ${digestOf('e')}, is ${digestOf('f')}`,
    ]);
  });
});

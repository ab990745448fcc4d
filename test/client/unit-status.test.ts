import { describe, expect, it, test } from 'vitest';
import { unitStatusDocument, unitStatusText } from '../../client/cli/unit-status.ts';
import { bySlot, slotContainers, withMembers, type SlotContainer, type UnitStatus } from '../../client/unit-status.ts';
import type { UnitBalancer } from '../../model/slot-balancer.ts';
import type { ContainerSummary } from '../../model/engine.ts';
import { parseHostId, parseServiceId } from '../../model/ids.ts';
import { unitLabels } from '../../model/unit.ts';
import { BEGAN } from './progress.ts';
import { done, makeJob, makeSteps, makeUnit, shop } from './units.ts';

const host = parseHostId('host-1');
const ID = 'a'.repeat(64);

function summary(slot: string, service: string | null, changes: Partial<ContainerSummary> = {}): ContainerSummary {
  const labels = {
    ...{ [unitLabels.unit]: shop, [unitLabels.slot]: slot, [unitLabels.version]: '2.0.0' },
    ...(service !== null && { [unitLabels.service]: service }),
  };
  const name = `shop-${slot}-${service ?? 'job'}-1`;
  return { id: ID, name, image: `web@sha256:${ID}`, imageId: ID, running: true, labels, ...changes };
}

const blue: SlotContainer = {
  ...{ slot: 'blue', service: 'web', host, container: 'shop-blue-web-1', running: true, image: 'web:1' },
  ...{ version: '1.0.0', address: '10.0.0.1:8110' },
};

const web = parseServiceId('web');
const haproxy: UnitBalancer = {
  ...{ type: 'haproxy', loadBalancer: 'edge', map: '/shop.map', mapFile: '/shop.map' },
  frontends: [{ service: web, backend: 'shop-web-{slot}', server: '{host}-{container}' }],
};
const elb: UnitBalancer = {
  ...{ type: 'elbv2', loadBalancer: 'aws' },
  frontends: [{ service: web, listener: 'arn:l', targetGroups: { blue: 'arn:b', green: 'arn:g' } }],
};

const status: UnitStatus = {
  unit: shop,
  containers: [blue, { ...blue, slot: 'green', container: 'shop-green-web-1', running: false, version: null }],
  balancer: {
    ...{ loadBalancer: 'edge', active: 'blue' },
    servers: [
      {
        ...{ slot: 'blue', service: parseServiceId('web'), name: 'host-1-shop-blue-web-1', address: '10.0.0.1:8110' },
        ...{ state: 'ready', health: 'up', sessions: 3, container: 'shop-blue-web-1' },
      },
      {
        ...{ slot: 'blue', service: parseServiceId('web'), name: 'host-2-shop-blue-web-1', address: '10.0.0.2:8110' },
        ...{ state: 'ready', health: 'down', sessions: 0, container: null },
      },
    ],
  },
  problems: [],
};

describe('the containers of a unit', () => {
  it('are told apart by their labels', () => {
    const [first] = slotContainers(host, [summary('blue', 'web')]);

    expect(first).toEqual({
      ...{ slot: 'blue', service: 'web', host, container: 'shop-blue-web-1', running: true },
      ...{ image: `web@sha256:${ID}`, version: '2.0.0', address: '' },
    });
    expect(slotContainers(host, [summary('red', 'web')])[0]?.slot).toBeNull();
  });

  it('are not those of jobs, which the upgrade tells of', () => {
    expect(slotContainers(host, [summary('green', null, { running: false })])).toEqual([]);
  });

  it('stand slot by slot, and what both share behind them', () => {
    const containers = slotContainers(host, [summary('shared', 'db'), summary('green', 'web'), summary('blue', 'web')]);

    expect(bySlot(containers).map(({ slot }) => slot)).toEqual(['blue', 'green', 'shared']);
  });
});

test.each([
  [
    'by the name that the fleet file makes of host and container',
    haproxy,
    { name: 'host-1-shop-blue-web-1', address: '10.9.9.9:1' },
  ],
  ['by its address, where servers have no names of ours', elb, { name: 'i-1', address: '10.0.0.1:8110' }],
] as const)('a member is behind its server, %s', (_, balancer, named) => {
  const service = parseServiceId('web');
  const server = { slot: 'blue', service, ...named, state: 'ready', health: 'up', sessions: 0 } as const;
  const other = { ...server, name: 'other', address: '10.0.0.7:1' };
  const servers = [other, server].map((one) => ({ ...one, container: null }));

  const seen = withMembers({ loadBalancer: 'edge', active: 'blue', servers }, balancer, [blue]);

  expect(seen.servers.map(({ container }) => container)).toEqual([null, 'shop-blue-web-1']);
});

describe('a unit for people', () => {
  it('is which slot takes the requests, a table of containers, and one of servers', () => {
    expect(unitStatusText(status, null, BEGAN).split('\n')).toEqual([
      'unit shop: slot blue takes the requests, by load balancer edge',
      'SLOT   SERVICE  HOST    CONTAINER                  VERSION  IMAGE',
      'blue   web      host-1  shop-blue-web-1   running  1.0.0    web:1',
      'green  web      host-1  shop-green-web-1  stopped  –        web:1',
      'SLOT  SERVICE  SERVER                  STATE  HEALTH  SESSIONS  ADDRESS',
      'blue  web      host-1-shop-blue-web-1  ready  up      3         10.0.0.1:8110',
      '1 more servers have no member behind them',
    ]);
  });

  it.each([
    ['unset', 'load balancer edge was not told yet which slot takes the requests'],
    ['mixed', 'the frontends of load balancer edge send requests to both slots'],
    [null, 'load balancer edge does not say which slot takes the requests'],
  ] as const)('says what its load balancer says: %s', (active, text) => {
    const balancer = { loadBalancer: 'edge', active, servers: [] };

    expect(unitStatusText({ ...status, balancer }, null, BEGAN).split('\n')[0]).toBe(`unit shop: ${text}`);
  });

  it('says by which label its containers are looked for when there are none', () => {
    expect(unitStatusText({ ...status, containers: [], balancer: null }, null, BEGAN).split('\n')).toEqual([
      'unit shop: the fleet file names no load balancer that sends requests to one of its slots',
      'unit shop has no container: none is labelled dev.refit.unit=shop',
    ]);
  });

  it('ends with the latest upgrade, its steps, and its jobs with what they said', () => {
    const upgrade = makeUnit({
      ...{ state: 'failed', finishedAt: BEGAN + 9_000, steps: makeSteps({ preflight: done }) },
      jobs: [makeJob({ name: 'accounts' }), makeJob({ state: 'failed', exitCode: 1, output: 'no answer\n' })],
    });

    expect(
      unitStatusText({ ...status, containers: [], balancer: null }, upgrade, BEGAN)
        .split('\n')
        .slice(2),
    ).toEqual([
      'upgrade shop-1: unit shop to sample 2.0.0 on fleet lab   failed   9s',
      '  slot blue takes the requests',
      '  preflight  done       1s',
      '  job accounts succeeded, exit code 0',
      '      all is well',
      '  job smoke failed, exit code 1',
      '      no answer',
    ]);
  });
});

describe('a unit for programs', () => {
  it('has the slot that takes the requests, both slots, and the upgrade with its times as ISO 8601', () => {
    const { containers, balancer } = status;

    expect(unitStatusDocument(status, makeUnit(), ['etcd is away'])).toMatchObject({
      ...{ unit: 'shop', active: 'blue', containers, balancer, problems: ['etcd is away'] },
      upgrade: { id: 'shop-1', startedAt: '2026-01-02T03:04:05.000Z' },
    });
    expect(unitStatusDocument({ ...status, balancer: null }, 'no worker answers', [])).toMatchObject({
      ...{ active: null, balancer: null, upgrade: null },
    });
  });
});

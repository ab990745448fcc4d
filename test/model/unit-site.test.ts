import { describe, expect, test } from 'vitest';
import { parseHostId, parseServiceId } from '../../model/ids.ts';
import { placeUnit } from '../../model/unit-placement.ts';
import {
  addressOf,
  besideOf,
  fillContainer,
  healthOf,
  jobNamed,
  plannedHosts,
  portOf,
  tokensOn,
  type UnitSite,
} from '../../model/unit-site.ts';
import type { PlannedMember } from '../../model/unit-upgrade.ts';
import type { Slot, UnitHealth, UnitRelease } from '../../model/unit.ts';
import { placeable, unitJob, unitMigration, unitRelease, unitService } from './units.ts';

const [host1, host2] = [parseHostId('host-1'), parseHostId('host-2')];
const whole = unitRelease({
  addOns: [{ ...unitService('shipper'), volumes: [] }],
  migrations: [unitMigration('orders-v2')],
  accountData: unitJob('account'),
  tests: [unitJob('smoke', { beside: parseServiceId('api') })],
});

/** The database is there already. */
function siteOf(unit: UnitRelease = whole, to: Slot = 'green'): UnitSite {
  const { members } = placeUnit(unit, to, placeable({}, {}));
  const isShared = ({ kind }: PlannedMember): boolean => kind === 'shared';
  return {
    ...{
      unit,
      version: '2.0.0',
      addresses: new Map([
        [host1, '10.0.0.1'],
        [host2, 'web-2.lab'],
      ]),
    },
    plan: { to, present: members.filter(isShared), members: members.filter((one) => !isShared(one)) },
  };
}

function member({ plan }: UnitSite, container: string): PlannedMember {
  const found = [...plan.members, ...plan.present].find((one) => one.container === container);
  if (found === undefined) throw new Error(`${container} is not planned`);
  return found;
}

const withHealth = (probe: UnitHealth['probe']): UnitSite =>
  siteOf({
    ...whole,
    services: whole.services.map((one) => (one.name === 'web' ? { ...one, health: { ...one.health, probe } } : one)),
  });
const healthOfWeb = (site: UnitSite) => healthOf(site, member(site, 'shop-green-web-2'));

describe('where a member is reached', () => {
  test.each([
    ['blue', 'shop-blue-web-2', 20_201],
    ['green', 'shop-green-web-2', 20_301],
  ] as const)('is the port of slot %s, one further for each ordinal', (slot, container, port) => {
    const site = siteOf(whole, slot);

    expect(portOf(site, member(site, container), slot)).toBe(port);
    expect(addressOf(site, member(site, container))).toBe(`web-2.lab:${port}`);
  });

  test('is one port for both slots if it is shared', () => {
    const ports = (['blue', 'green'] as const).map((slot) => {
      const site = siteOf(whole, slot);
      return portOf(site, member(site, 'shop-shared-db-1'), slot);
    });

    expect(ports).toEqual([25_432, 25_432]);
  });

  test('is nowhere without a port, or on a host without an address', () => {
    const site = siteOf();

    expect(addressOf(site, member(site, 'shop-green-shipper-1'))).toBeNull();
    expect(addressOf({ ...site, addresses: new Map() }, member(site, 'shop-green-web-1'))).toBeNull();
  });
});

describe('the tokens', () => {
  test('mean the members of the slot, and what both slots share', () => {
    expect(tokensOn(siteOf(), host2)).toMatchObject({
      ...{ unit: 'shop', slot: 'green', version: '2.0.0', host: 'host-2' },
      ...{ 'db.address': '10.0.0.1:25432', 'api.port': '20100' },
      'web.addresses': '10.0.0.1:20300,web-2.lab:20301',
    });
  });

  test('fill a container’s command, entrypoint and variables, and leave the rest', () => {
    const container = { command: ['{slot}', '{nothing}'], entrypoint: ['{unit}'], env: { DB: '{db.host}' } };

    expect(fillContainer(container, tokensOn(siteOf(), host1))).toEqual({
      ...{ command: ['green', '{nothing}'], entrypoint: ['shop'], env: { DB: '10.0.0.1' } },
    });
    expect(fillContainer({ command: [], entrypoint: null, env: {} }, {})).toEqual({
      ...{ command: [], entrypoint: null, env: {} },
    });
  });
});

describe('the health of a member', () => {
  test('is what its image says, without a probe', () => {
    expect(healthOfWeb(withHealth(null))).toEqual({ minHealthyTimeMs: 0, deadlineMs: 5_000, probe: null });
  });

  test('is asked at its published port, with its texts filled', () => {
    const http = { type: 'http', path: '/{slot}', status: 200, contains: '{version}' } as const;

    expect(healthOfWeb(withHealth(http)).probe).toEqual({
      ...{ type: 'http', url: 'http://web-2.lab:20301/green', status: 200, contains: '2.0.0' },
    });
    expect(healthOfWeb(withHealth({ ...http, contains: null })).probe).toMatchObject({ contains: null });
    expect(healthOfWeb(withHealth({ type: 'tcp' })).probe).toEqual({ type: 'tcp', host: 'web-2.lab', port: 20_301 });
    expect(healthOfWeb(withHealth({ type: 'exec', command: ['is-well', '{slot}'] })).probe).toEqual({
      ...{ type: 'exec', command: ['is-well', 'green'] },
    });
  });

  test('of a host with an IPv6 address is asked there', () => {
    const site = { ...withHealth({ type: 'tcp' }), addresses: new Map([[host2, '[2001:db8::2]']]) };

    expect(healthOfWeb(site).probe).toEqual({ type: 'tcp', host: '[2001:db8::2]', port: 20_301 });
  });

  test('of an add-on is that it runs', () => {
    const site = siteOf();

    expect(healthOf(site, member(site, 'shop-green-shipper-1'))).toMatchObject({ probe: null });
  });
});

describe('a job', () => {
  test('is found by its name, whatever it is', () => {
    expect(['orders-v2', 'account', 'smoke', 'nothing'].map((name) => jobNamed(whole, name)?.name)).toEqual([
      ...['orders-v2', 'account', 'smoke', undefined],
    ]);
  });

  test('runs beside the first member of its service, also of a shared one that is there already', () => {
    const beside = (service: string) => besideOf(siteOf(), unitJob('job', { beside: parseServiceId(service) }));

    expect(beside('web')?.container).toBe('shop-green-web-1');
    expect(beside('db')?.container).toBe('shop-shared-db-1');
    expect(beside('bank')).toBeNull();
  });
});

test('hosts of a plan are named once, in its order', () => {
  expect(plannedHosts(siteOf().plan)).toEqual([host1, host2]);
});

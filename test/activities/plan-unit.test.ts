import { describe, expect, it } from 'vitest';
import { shop, unitJob, unitMigration, unitRelease } from '../model/units.ts';
import { UnitHarness } from './unit-harness.ts';

describe('which slot is made', () => {
  it('it is blue when nobody has said anything yet', async () => {
    const harness = new UnitHarness();

    expect((await harness.preflight()).plan).toMatchObject({ from: null, to: 'blue', present: [] });
  });

  it('a first install goes where the load balancer sends requests already, so that nothing has to be cut over', async () => {
    const harness = new UnitHarness();
    harness.units.balancer.setActive(shop, 'green');

    expect((await harness.preflight()).plan).toMatchObject({ from: null, to: 'green' });
  });

  it('later it is the other one, and what both share is there', async () => {
    const harness = new UnitHarness();
    await harness.install();
    harness.units.publish('2.0.0', unitRelease());

    const { plan, alreadyThere } = await harness.preflight();

    expect(plan).toMatchObject({ from: 'blue', to: 'green', present: [{ container: 'shop-shared-db-1' }] });
    expect(plan?.members.map(({ container }) => container)).toEqual([
      ...['shop-green-api-1', 'shop-green-web-1', 'shop-green-web-2'],
    ]);
    expect(alreadyThere).toBeNull();
  });

  it('frontends that do not agree are put to a person', async () => {
    const harness = new UnitHarness();
    harness.units.balancer.setActive(shop, 'mixed');

    await expect(harness.preflight()).rejects.toThrow(/the frontends of unit shop send requests to both slots/);
  });

  it('a shared member stays on its host, whatever the labels say now', async () => {
    const place = { placement: { labels: { role: 'data' }, perHost: 1 } };
    const services = unitRelease().services.map((one) => (one.shared ? { ...one, ...place } : one));
    const harness = new UnitHarness(unitRelease({ services }));
    const { units } = harness;
    const label = (wanted: string): void => {
      const hosts = units.fleet.hosts.map((host) => ({
        ...host,
        labels: host.name === wanted ? { role: 'data' } : {},
      }));
      units.fleet = { ...units.fleet, hosts };
    };
    label('host-2');
    await harness.install();
    units.publish('2.0.0', unitRelease({ services }));
    label('host-1');

    const { plan } = await harness.preflight();

    expect(plan?.present).toMatchObject([{ host: 'host-2', container: 'shop-shared-db-1' }]);
    expect(plan?.members.some(({ kind }) => kind === 'shared')).toBe(false);
  });

  it('the plan names jobs and migrations, and says which have no way back', async () => {
    const migrations = [
      unitMigration('orders-v2'),
      unitMigration('split', { down: null }),
      unitMigration('index', { down: null, compatible: true }),
      unitMigration('drop-v1', { when: 'contract', down: null }),
    ];
    const harness = new UnitHarness(
      unitRelease({ migrations, accountData: unitJob('account'), tests: [unitJob('smoke')] }),
    );

    expect((await harness.preflight()).plan).toMatchObject({
      accountData: 'account',
      tests: ['smoke'],
      expand: [
        { name: 'orders-v2', hasDown: true, hasNoWayBack: false },
        { name: 'split', hasDown: false, hasNoWayBack: true },
        { name: 'index', hasDown: false, hasNoWayBack: false },
      ],
      contract: [{ name: 'drop-v1', hasDown: false, hasNoWayBack: false }],
    });
  });
});

describe('a release that the active slot is on', () => {
  it('is there already: there is nothing to plan', async () => {
    const harness = new UnitHarness();
    await harness.install();

    expect(await harness.preflight()).toEqual({ plan: null, alreadyThere: 'blue', findings: [] });
  });

  it.each(['stopped', 'removed'] as const)('is not there as long as a member of it is %s', async (state) => {
    const harness = new UnitHarness();
    await harness.install();
    const engine = harness.units.engine('host-2');
    if (state === 'stopped') await engine.stopContainer('shop-blue-web-2', {});
    else await engine.removeContainer('shop-blue-web-2', { force: true });

    expect(await harness.preflight()).toMatchObject({ alreadyThere: null, plan: { from: 'blue', to: 'green' } });
  });
});

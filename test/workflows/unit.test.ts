import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { parseServiceId } from '../../model/ids.ts';
import type { UnitProgress } from '../../model/unit-upgrade.ts';
import { exits } from '../fakes/fake-units.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { shop, unitJob, unitMigration, unitRelease, unitService } from '../model/units.ts';
import { installed, startUnit } from './unit-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const BLUE = ['host-1/shop-blue-api-1 running', 'host-1/shop-blue-web-1 running', 'host-2/shop-blue-web-2 running'];
const GREEN = BLUE.map((name) => name.replace('blue', 'green'));

/** Everything that a unit can have. */
const whole = unitRelease({
  migrations: [unitMigration('orders-v2'), unitMigration('drop-orders-v1', { when: 'contract', down: null })],
  accountData: unitJob('account-data'),
  addOns: [{ ...unitService('shipper'), volumes: [] }],
  tests: [unitJob('smoke'), unitJob('deep')],
});

const fleetOf = (): FakeFleet => {
  const fleet = world.fleet(2);
  fleet.install();
  return fleet;
};
const upgraded = async (unit = whole): Promise<FakeFleet> => {
  const fleet = fleetOf();
  fleet.units?.publish('2.0.0', unit);
  return installed(world, fleet);
};
const unitsOf = ({ units }: FakeFleet): NonNullable<FakeFleet['units']> => {
  if (units === null) throw new Error('there is no unit');
  return units;
};
const stateOf = ({ steps }: UnitProgress, name: string): string | undefined =>
  steps.find((step) => step.name === name)?.state;

describe('the first install of a unit', () => {
  test('makes one slot, sends the requests there, and has nothing to keep or delete', async () => {
    const fleet = fleetOf();

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'succeeded', active: 'blue', standby: null, error: null });
    expect(unitsOf(fleet).containers('blue')).toEqual(BLUE);
    expect(unitsOf(fleet).containers('shared')).toEqual(['host-1/shop-shared-db-1 running']);
    expect(stateOf(end, 'keep')).toBe('skipped');
    expect(stateOf(end, 'delete')).toBe('skipped');
  });

  test('that fails is taken back whole, shared services among it', async () => {
    const fleet = fleetOf();
    const units = unitsOf(fleet);
    units.publish('2.0.0', unitRelease({ tests: [unitJob('smoke')] }));
    units.program('smoke', () => exits(1, 'no answer'));

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'rolledBack', active: null });
    expect(end.error).toBe('smoke ended with exit code 1: no answer');
    for (const slot of ['blue', 'green', 'shared']) expect(units.containers(slot)).toEqual([]);
    expect(units.balancer.told).toEqual([]);
  });
});

describe('an upgrade', () => {
  test('makes and tests the other slot, cuts over once, and deletes the earlier slot at last', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'succeeded', active: 'green', standby: null, release: 'sample 2.0.0' });
    expect(units.containers('blue')).toEqual([]);
    expect(units.containers('green').filter((name) => !name.includes('shipper'))).toEqual(GREEN);
    expect(units.ran).toEqual(['orders-v2', 'account-data', 'smoke', 'deep', 'drop-orders-v1']);
    const order = fleet.log.filter((event) => /^(job|cut over)/.test(event));
    expect(order.slice(-2)).toEqual(['cut over to green', 'job drop-orders-v1']);
    expect(end.jobs.map(({ name, state, output }) => `${name} ${state} ${output}`)).toContain(
      'smoke succeeded it went well',
    );
  });

  test('goes back and forth between the slots', async () => {
    const fleet = await upgraded(unitRelease());
    await (await startUnit(world, fleet)).end();
    unitsOf(fleet).publish('3.0.0', unitRelease());

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'succeeded', active: 'blue' });
    expect(unitsOf(fleet).containers('green')).toEqual([]);
    expect(unitsOf(fleet).balancer.told).toEqual(['shop blue', 'shop green', 'shop blue']);
  });

  test('to what the active slot is on already does nothing', async () => {
    const fleet = await upgraded(unitRelease());
    unitsOf(fleet).publish('1.0.0', unitRelease());

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'succeeded', active: 'blue' });
    expect(end.steps.map(({ name }) => name)).toEqual(['preflight']);
    expect(unitsOf(fleet).containers('green')).toEqual([]);
  });

  test('puts files into containers, and no word of them anywhere else', async () => {
    const file = { file: 'key', to: '/etc/tls/key.pem', mode: '0400', uid: 0, gid: 0 };
    const unit = unitRelease({
      services: whole.services.map((service) => (service.name === 'web' ? { ...service, files: [file] } : service)),
      tests: [unitJob('leaky', { files: [{ ...file, file: 'account', to: '/run/account.json' }] })],
    });
    const fleet = await upgraded(unit);
    unitsOf(fleet).program('leaky', () => exits(0, 'key is the-key-canary', 'password the-account-canary'));

    const upgrade = await startUnit(world, fleet);
    const end = await upgrade.end();

    expect(end.state).toBe('succeeded');
    const history = JSON.stringify(await upgrade.handle.fetchHistory());
    const decoded = history.replace(/"data":"([^"]*)"/g, (_, data: string) => Buffer.from(data, 'base64').toString());
    expect(decoded).toContain('key is …');
    for (const canary of ['the-key-canary', 'the-account-canary']) expect(decoded).not.toContain(canary);
    const web = unitsOf(fleet).engine('host-1').containers.find('shop-green-web-1');
    const found = [...(web?.files.values() ?? [])].map(({ to, content }) => `${to} ${Buffer.from(content).toString()}`);
    expect(found).toEqual(['/etc/tls/key.pem the-key-canary']);
  });
});

describe('a failure before the cutover', () => {
  test('of a test: no cutover, the new slot is removed, the other untouched, the output kept', async () => {
    const fleet = await upgraded();
    const units = unitsOf(fleet);
    units.program('smoke', () => exits(3, 'asked /', 'got 500'));
    const told = units.balancer.told.length;

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'rolledBack', active: 'blue', standby: null });
    expect(end.jobs.find(({ name }) => name === 'smoke')).toMatchObject({
      state: 'failed',
      exitCode: 3,
      output: 'asked /\ngot 500',
    });
    expect(units.balancer.told.length).toBe(told);
    expect(units.containers('green')).toEqual([]);
    expect(units.containers('blue')).toEqual(expect.arrayContaining(BLUE));
    expect(units.ran).toEqual(['orders-v2', 'account-data', 'smoke', 'orders-v2-down']);
  });

  test('keeps the new slot for inspection if asked, until it is deleted', async () => {
    const fleet = await upgraded(unitRelease({ tests: [unitJob('smoke')] }));
    const units = unitsOf(fleet);
    units.program('smoke', () => exits(1));

    const end = await (await startUnit(world, fleet, { policy: { onFailure: 'keep' } })).end();

    expect(end).toMatchObject({ state: 'failed', failure: 'UpgradeFailed', active: 'blue', standby: 'green' });
    expect(end.because).toContain('refit unit delete-standby shop');
    expect(units.containers('green')).toEqual(GREEN);
    const again = await (await startUnit(world, fleet)).end();
    expect(again.because).toContain('the standby slot still has containers');
    const deleted = await (await startUnit(world, fleet, { action: 'deleteStandby', release: null })).end();
    expect(deleted).toMatchObject({ state: 'succeeded', active: 'blue', standby: null });
    expect(units.containers('green')).toEqual([]);
    expect(units.containers('blue')).toEqual(BLUE);
  });

  test('asks if told so, and a resume runs the failed test once more', async () => {
    const fleet = await upgraded(unitRelease({ tests: [unitJob('smoke')] }));
    const units = unitsOf(fleet);
    units.program('smoke', () => exits(1, 'not yet'));
    const upgrade = await startUnit(world, fleet, { policy: { onFailure: 'pause' } });
    const asked = await upgrade.until(({ state }) => state === 'waiting');
    expect(asked.waiting[0]).toMatchObject({
      what: 'the operator: tests: smoke ended with exit code 1: not yet',
      movedOnBy: 'refit unit resume shop | refit unit rollback shop | refit unit abort shop',
    });
    units.program('smoke', () => exits(0));

    await upgrade.command('resume');

    expect((await upgrade.end()).state).toBe('succeeded');
    expect(units.ran).toEqual(['smoke', 'smoke']);
  });

  test('of a member that does not become healthy names it', async () => {
    const fleet = await upgraded(unitRelease());
    unitsOf(fleet).engine('host-2').containers.sicken('shop-green-web-2', 'its own health check failed');

    const end = await (await startUnit(world, fleet)).end();

    expect(end.state).toBe('rolledBack');
    expect(end.error).toContain('shop-green-web-2 on host-2: its own health check failed');
    expect(unitsOf(fleet).containers('green')).toEqual([]);
  });
});

describe('preflight', () => {
  test('reports everything at once, and creates nothing', async () => {
    const unit = unitRelease({
      services: whole.services.map((service) =>
        service.name === 'web'
          ? { ...service, members: 3, files: [{ file: 'nowhere', to: '/x', mode: '0400', uid: 0, gid: 0 }] }
          : service,
      ),
      tests: [unitJob('smoke', { image: 'registry.lab:5000/no-such@sha256:1' })],
    });
    const fleet = await upgraded(unitRelease());
    const units = unitsOf(fleet);
    units.publish('2.0.0', unit);
    units.missingImages.add('registry.lab:5000/no-such@sha256:1');
    units.portsInUse.add(20_100);
    units.engine('host-2').run('shop-green-web-2', 'other:1');

    const end = await (await startUnit(world, fleet)).end();

    expect(end).toMatchObject({ state: 'failed', failure: 'WrongInput' });
    const whats = end.findings.map(({ host, what }) => `${host ?? ''} ${what}`).join('\n');
    expect(whats).toContain('service web wants 3 members');
    expect(whats).toContain('no-such@sha256:1: its registry does not have it');
    expect(whats).toContain('file nowhere: the fleet file does not say where it is');
    expect(whats).toContain('host-1 port 20100 is in use');
    expect(whats).toContain('host-2 a container shop-green-web-2 is there, and is not of this unit');
    expect(end.because).toContain('nothing was created');
    expect(units.containers('green')).toEqual([]);
    expect(units.containers('blue')).toEqual(BLUE);
  });

  test('refuses a share of errors that nobody counts, a shared service at another image, and what the balancer lacks', async () => {
    const fleet = await upgraded(unitRelease());
    const units = unitsOf(fleet);
    const services = unitRelease().services.map((service) =>
      service.name === 'db' ? { ...service, image: service.image.replace('aaa', 'bbb') } : service,
    );
    units.publish('2.0.0', unitRelease({ services }));
    units.balancer.setProblems(shop, ['the running HAProxy knows no map /etc/haproxy/shop.map']);

    const end = await (await startUnit(world, fleet)).end();

    const whats = end.findings.map(({ what, remedy }) => `${what}; ${remedy}`).join('\n');
    expect(whats).toContain('knows no map');
    expect(whats).toMatch(/shop-shared-db-1 runs .* refit container upgrade host-1 shop-shared-db-1/);
  });
});

test('services start level by level, each when those that it rests on are healthy', async () => {
  const fleet = fleetOf();
  const order: string[] = [];
  for (const [host, engine] of unitsOf(fleet).engines) {
    const start = engine.startContainer.bind(engine);
    engine.startContainer = async (container, signal) => {
      order.push(`${host} ${container}`);
      return start(container, signal);
    };
  }

  await (await startUnit(world, fleet)).end();

  expect(order.slice(0, 2)).toEqual(['host-1 shop-shared-db-1', 'host-1 shop-blue-api-1']);
  expect(order.slice(2).sort()).toEqual(['host-1 shop-blue-web-1', 'host-2 shop-blue-web-2']);
  expect(parseServiceId('web')).toBe('web');
});

import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { exits, type FakeUnits } from '../fakes/fake-units.ts';
import { shop, unitJob, unitMigration, unitRelease, unitService } from '../model/units.ts';
import { installed, startUnit, type UnitChanges, type UnitUpgrade } from './unit-upgrade.ts';
import type { Upgrade } from './upgrade.ts';
import type { World } from './world.ts';

/** Any upgrade that comes to an end. */
export type Recorded = { readonly handle: Upgrade['handle']; readonly end: () => Promise<unknown> };

const HOUR_MS = 3_600_000;

/** Everything that a unit can have. */
const whole = unitRelease({
  migrations: [
    unitMigration('orders-v2', { check: ['orders-v2-check'] }),
    unitMigration('drop-orders-v1', { when: 'contract', down: null }),
  ],
  accountData: unitJob('account-data'),
  addOns: [{ ...unitService('shipper'), volumes: [] }],
  tests: [unitJob('smoke'), unitJob('deep')],
});

type Unit = { readonly fleet: FakeFleet; readonly units: FakeUnits };

/** Its registry has 2.0.0, and it is on nothing yet; the check of its migration says that it is not applied. */
function published(world: World): Unit {
  const fleet = world.fleet(2);
  const units = fleet.install();
  units.publish('2.0.0', whole);
  return { fleet, units };
}

/** The same, with 1.0.0 in slot blue. */
async function upgradable(world: World): Promise<Unit> {
  const unit = published(world);
  await installed(world, unit.fleet);
  unit.units.program('orders-v2-check', () => exits(1));
  return unit;
}

async function soaking(world: World, { fleet }: Unit, policy: UnitChanges['policy'] = {}): Promise<UnitUpgrade> {
  const soak = { durationMs: 30_000, maxErrorRate: 0.1, minRequests: 10, windowMs: 1_000, unhealthyMs: 5_000 };
  const upgrade = await startUnit(world, fleet, { policy: { soak, ...policy } });
  await upgrade.until(({ step }) => step === 'soak');
  return upgrade;
}

/** Of upgradeUnit, by the name of its file. */
export const unitBehaviours: Readonly<Record<string, (world: World) => Promise<Recorded>>> = {
  'unit-first-install': async (world) => startUnit(world, published(world).fleet),

  'unit-upgraded-and-standby-deleted': async (world) => {
    const { fleet } = await upgradable(world);
    const upgrade = await startUnit(world, fleet, { policy: { keepMs: HOUR_MS } });
    await upgrade.until(({ step }) => step === 'keep');
    await upgrade.command('deleteStandby', { by: 'ada' });
    return upgrade;
  },

  'unit-test-failed': async (world) => {
    const { fleet, units } = await upgradable(world);
    units.program('smoke', () => exits(3, 'asked /', 'got 500'));
    return startUnit(world, fleet);
  },

  'unit-returned-in-soak': async (world) => {
    const unit = await upgradable(world);
    const upgrade = await soaking(world, unit);
    unit.units.balancer.answer({ unit: shop, slot: 'green' }, { requests: 100, errors: 50 });
    return upgrade;
  },

  'unit-approved-kept-and-rolled-back': async (world) => {
    const { fleet } = await upgradable(world);
    const upgrade = await startUnit(world, fleet, { policy: { approval: true, keepMs: HOUR_MS } });
    await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('approve', { step: 'cutover', by: 'ada' });
    await upgrade.until(({ step }) => step === 'keep');
    await upgrade.command('rollback', { by: 'ada', reason: 'too slow' });
    return upgrade;
  },

  'unit-paused-and-tried-again': async (world) => {
    const { fleet, units } = await upgradable(world);
    units.program('smoke', () => exits(1, 'not yet'));
    const upgrade = await startUnit(world, fleet, { policy: { onFailure: 'pause' } });
    await upgrade.until(({ state }) => state === 'waiting');
    units.program('smoke', () => exits(0));
    await upgrade.signal('pause', { by: 'ada' });
    await upgrade.command('resume');
    return upgrade;
  },

  'unit-standby-deleted-by-hand': async (world) => {
    const { fleet, units } = await upgradable(world);
    units.program('smoke', () => exits(1));
    await (await startUnit(world, fleet, { policy: { onFailure: 'keep' } })).end();
    return startUnit(world, fleet, { action: 'deleteStandby', release: null });
  },
};

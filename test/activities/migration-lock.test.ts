import { describe, expect, it } from 'vitest';
import type { MigrationLock } from '../../model/bus.ts';
import { hopUpgradeId, parseHostId, parseUpgradeId } from '../../model/ids.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { eventually } from '../eventually.ts';
import { exits } from '../fakes/fake-units.ts';
import { upgradeId } from './harness.ts';
import { held, MigrationHarness } from './migration-harness.ts';

const another = parseUpgradeId('lab-2');
/** Of an upgrade that nobody is at work for. */
const abandoned: MigrationLock = {
  ...{ v: 1, upgrade: another, migration: 'm2', host: parseHostId('host-1'), job: 'refit-migration-m2', since: 0 },
};

/** A container of another upgrade's migration, on the first host. */
function addStranger(harness: MigrationHarness): string {
  const labels = { 'dev.refit.upgrade': another, 'dev.refit.job': 'migration', 'dev.refit.migration': 'm2' };
  return harness.engine(0).run('refit-migration-m2', 'migrate', { ...labels, 'dev.refit.attempt': 'up-1' });
}

describe('migrations of two upgrades', () => {
  it('run one after the other, and the one that waits says for whom', async () => {
    const harness = new MigrationHarness();
    const { work, letGo } = held(() => exits(1));
    harness.program('up', work);
    const beats: unknown[] = [];
    const first = harness.migrate();
    await eventually(() => harness.ran().length === 1);

    const second = harness.migrate({ upgrade: another, name: 'm2' }, { beats });
    const what = 'm2 waits for container refit-migration-m1 of lab-1 on host-1, which is at work';
    await eventually(() => expect(beats).toContainEqual({ detail: what }));
    const whileHeld = harness.ran();
    letGo();

    expect(whileHeld).toEqual(['refit-migration-m1']);
    expect(await Promise.all([first, second])).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed' }]);
    expect(harness.ran()).toEqual(['refit-migration-m1', 'refit-migration-m2']);
    expect(await harness.lock()).toBeNull();
  });

  it('never run side by side, however many begin at once', async () => {
    const harness = new MigrationHarness(3);
    for (const index of [1, 2]) harness.engine(index).run('db', 'postgres:15', { [SERVICE_LABEL]: 'db' });
    let atWork = 0;
    let most = 0;
    harness.program('up', async () => {
      most = Math.max(most, (atWork += 1));
      await new Promise((resolve) => setImmediate(resolve));
      atWork -= 1;
      return exits(1);
    });
    const upgrades = [0, 1, 2, 3, 4].map((hop) => hopUpgradeId(upgradeId, hop));

    const ends = await Promise.all(
      upgrades.flatMap((upgrade) => ['m1', 'm2'].map(async (name) => harness.migrate({ upgrade, name }))),
    );

    expect(ends.map(({ outcome }) => outcome)).toEqual(ends.map(() => 'failed'));
    expect(harness.ran()).toHaveLength(ends.length);
    expect(most).toBe(1);
  });
});

describe('a lock', () => {
  it('is taken over by the next attempt of its own migration', async () => {
    const harness = new MigrationHarness();
    await harness.writeLock({ ...abandoned, upgrade: upgradeId, migration: 'm1' });

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded' });

    expect(await harness.lock()).toBeNull();
  });

  it('whose holder has no job that runs is passed after a while', async () => {
    const harness = new MigrationHarness();
    await harness.writeLock(abandoned);
    let sleeps = 0;
    harness.onSleep = () => (sleeps += 1);
    const beats: unknown[] = [];

    expect(await harness.migrate({}, { beats })).toMatchObject({ outcome: 'succeeded' });

    // A look each second, and longer than a holder may wait for its check.
    expect(sleeps).toBeGreaterThan(60);
    expect(await harness.lock()).toBeNull();
  });

  it('is not passed while its holder’s host does not answer', async () => {
    const harness = new MigrationHarness();
    harness.engine(1).down();
    await harness.writeLock({ ...abandoned, host: parseHostId('host-2') });
    let sleeps = 0;
    harness.onSleep = () => {
      sleeps += 1;
      if (sleeps === 200) harness.engine(1).up();
    };

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded' });

    expect(sleeps).toBeGreaterThan(200);
  });

  it('of a host that was taken out of the fleet is passed', async () => {
    const harness = new MigrationHarness();
    await harness.writeLock({ ...abandoned, host: parseHostId('host-9') });

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded' });
  });

  it('that the bus has forgotten is not missed while a job runs', async () => {
    const harness = new MigrationHarness();
    const id = addStranger(harness);
    let sleeps = 0;
    harness.onSleep = () => {
      sleeps += 1;
      if (sleeps === 3) harness.engine(0).containers.remove(id);
    };

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded' });

    expect(sleeps).toBe(3);
  });

  it('that is unreadable is nobody’s', async () => {
    const harness = new MigrationHarness();
    await harness.writeLock('{"v":1}');

    expect(await harness.migrate()).toMatchObject({ outcome: 'succeeded' });
  });

  it('that was passed while its holder slept is told before its job begins', async () => {
    const harness = new MigrationHarness();
    harness.program('check', async () => {
      await harness.writeLock(abandoned);
      return exits(1);
    });

    await expect(harness.migrate()).rejects.toThrow('m1 of lab-1 was passed by another migration');

    expect(harness.ran()).toEqual([]);
    expect(await harness.lock()).toEqual(abandoned);
  });

  it('is not for a run that was fenced off', async () => {
    const harness = new MigrationHarness();
    await harness.writeEpoch(2);

    await expect(harness.migrate()).rejects.toThrow('fleet lab was taken over by epoch 2');

    expect(harness.ran()).toEqual([]);
  });
});

import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { isOver } from '../../model/upgrade.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { addSix, inPairs, memberStates, NEW_IMAGE, startService, type ServiceUpgrade } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

/** In its second phase, which waits on host-2. */
async function inSecondPhase(policy = {}): Promise<{ fleet: FakeFleet; upgrade: ServiceUpgrade; letGo: () => void }> {
  const fleet = addSix(world.fleet(3));
  fleet.members.held.add('host-2');
  const upgrade = await startService(world, fleet, { policy: { ...inPairs, ...policy } });
  await fleet.until(() => fleet.log.includes('held host-2'));
  const letGo = (): void => {
    fleet.members.held.clear();
    fleet.changed('let go');
  };
  return { fleet, upgrade, letGo };
}

const news = (fleet: FakeFleet): number => fleet.members.imagesInPlace().filter((image) => image === NEW_IMAGE).length;

describe.each(['an update', 'a signal'] as const)('as %s', (kind) => {
  const tell = async (upgrade: ServiceUpgrade, name: string): Promise<void> => {
    if (kind === 'a signal') await upgrade.signal(name, { reason: 'because', by: 'ada' });
    else await upgrade.command(name, { reason: 'because', by: 'ada' });
  };

  test('pause lets what runs finish and starts nothing; resume goes on', async () => {
    const { fleet, upgrade, letGo } = await inSecondPhase();

    await tell(upgrade, 'pause');
    letGo();
    const paused = await upgrade.until(({ state }) => state === 'paused');
    const during = news(fleet);
    await tell(upgrade, 'resume');
    const end = await upgrade.end();

    expect(during).toBe(4);
    expect(paused.waiting).toMatchObject([
      { what: 'the operator, who paused it', movedOnBy: expect.stringContaining('refit service resume web') as string },
    ]);
    expect(end.state).toBe('succeeded');
    expect(end.decisions).toMatchObject([{ decision: 'pause', by: 'ada' }, { decision: 'resume' }]);
    expect(news(fleet)).toBe(6);
  });

  test('rollback takes what is done back, in reverse order', async () => {
    const { fleet, upgrade, letGo } = await inSecondPhase();

    await tell(upgrade, 'rollback');
    letGo();
    const end = await upgrade.end();

    expect(end).toMatchObject({ state: 'rolledBack', error: null });
    expect(new Set(fleet.members.imagesInPlace())).toEqual(new Set([OLD_IMAGE]));
    expect(fleet.members.member('host-3').replaced).toBe(0);
  });

  test('abort lets what runs finish and leaves every member as it is', async () => {
    const { fleet, upgrade, letGo } = await inSecondPhase();

    await tell(upgrade, 'abort');
    letGo();
    const end = await upgrade.end();

    expect(end.state).toBe('aborted');
    expect(news(fleet)).toBe(4);
    expect(fleet.members.available()).toBe(6);
  });
});

test('a command that makes no sense is refused with the reason', async () => {
  const { upgrade, letGo } = await inSecondPhase();

  const refusal = await upgrade.command('resume');
  letGo();
  await upgrade.end();

  expect(refusal).toBe('resume refused: it is running, not paused');
});

test('a pause in the middle of all at once is heeded when the new ones run', async () => {
  const { fleet, upgrade, letGo } = await inSecondPhase({ strategy: { strategy: 'allAtOnce' } });

  await upgrade.command('pause');
  letGo();
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(news(fleet)).toBe(6);
});

test('a failed member is tried again when the operator says so', async () => {
  const { fleet, upgrade, letGo } = await inSecondPhase({ onFailure: 'pause' });
  fleet.members.member('host-2').failNext('unhealthy');

  letGo();
  const waiting = await upgrade.until(({ state }) => state === 'waiting');
  await upgrade.command('resume');
  const end = await upgrade.end();

  expect(memberStates(waiting)).toMatchObject({ 'host-2/web-1': 'Failed', 'host-2/web-2': 'Active' });
  expect(end).toMatchObject({ state: 'succeeded', error: null });
  expect(news(fleet)).toBe(6);
});

test('an image that does not come is no reason to wait with a rollback', async () => {
  const fleet = addSix(world.fleet(3));
  for (let count = 0; count < 50; count++) fleet.members.failPull('host-1', 'environment', 'registry is away');
  const upgrade = await startService(world, fleet, { policy: { environmentRetryMs: 60_000, environmentRetries: 50 } });
  await upgrade.until(({ waiting }) => waiting.some(({ what }) => what.includes('registry is away')));

  await upgrade.command('rollback');
  const end = await upgrade.end();

  expect(end.state).toBe('rolledBack');
  expect(news(fleet)).toBe(0);
});

test('a workflow that is cancelled in Temporal leaves members that serve', async () => {
  const { fleet, upgrade } = await inSecondPhase();

  await upgrade.handle.cancel();
  const end = await upgrade.end();

  expect(isOver(end.state)).toBe(true);
  expect(end).toMatchObject({ state: 'aborted', error: expect.stringContaining('cancelled in Temporal') as string });
  expect(memberStates(end)).toMatchObject({ 'host-1/web-1': 'Active', 'host-2/web-1': 'Failed' });
  expect(fleet.members.available()).toBe(6);
});

test('a bus that is away does not hold an upgrade up', async () => {
  const fleet = addSix(world.fleet(3));
  fleet.break('tellMembers', new Error('etcd is away'));

  const upgrade = await startService(world, fleet, {
    policy: { strategy: { strategy: 'phases', size: { hosts: 6 } } },
  });
  const end = await upgrade.end();

  expect(end.state).toBe('succeeded');
  expect(end.decisions[0]).toMatchObject({ rule: 'best-effort', because: 'etcd is away' });
}, 120_000);

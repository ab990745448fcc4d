import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { ContainerUpgradeInput } from '../../model/container-upgrade.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { addContainer, startContainer, toNewImage as upgrade, type ContainerEnd } from './container-upgrade.ts';
import { NEW_IMAGE } from './service-upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

const oneContainer = (): FakeFleet => addContainer(world.fleet(1));
const run = async (
  fleet: FakeFleet,
  action: ContainerUpgradeInput['action'],
  container?: string,
): Promise<ContainerEnd> => (await startContainer(world, fleet, { action, container })).end();

describe('one container', () => {
  test('gets the new image in place', async () => {
    const fleet = oneContainer();

    const end = await run(fleet, upgrade);

    expect(end).toMatchObject({
      ...{ state: 'succeeded', member: 'Active', stage: null, error: null, keptUntil: null, awayMs: 1, failure: null },
      from: { image: OLD_IMAGE },
      to: { image: NEW_IMAGE },
    });
    expect(fleet.members.imagesInPlace()).toEqual([NEW_IMAGE]);
  });

  test('that has the image already is told to be there', async () => {
    const fleet = oneContainer();

    const end = await run(fleet, { ...upgrade, image: OLD_IMAGE });

    expect(end).toMatchObject({ state: 'alreadyThere', member: 'Active' });
    expect(fleet.members.member('host-1').replaced).toBe(0);
  });

  test('is told to be upgraded although the answer of the first attempt was lost', async () => {
    const fleet = oneContainer();
    let isLost = false;
    fleet.onActivity = (name, when) => {
      if (name !== 'replaceMember' || when !== 'after' || isLost) return;
      isLost = true;
      throw new Error('the answer is lost');
    };

    const end = await run(fleet, { ...upgrade, keepOldMs: 60_000 });

    expect(end.state).toBe('succeeded');
    expect(end.keptUntil).not.toBeNull();
  });

  test('runs on as before when the new one fails, and the image that nothing came of goes', async () => {
    const fleet = oneContainer();
    fleet.members.member('host-1').failNext('unhealthy');

    const end = await run(fleet, upgrade);

    expect(end).toMatchObject({
      state: 'rolledBack',
      member: 'RolledBack',
      error: 'unhealthy on purpose',
      failure: null,
    });
    expect(fleet.members.imagesInPlace()).toEqual([OLD_IMAGE]);
    expect(fleet.members.images.size).toBe(0);
  });

  test('that is not there is wrong input, which names container and host', async () => {
    const end = await run(oneContainer(), upgrade, 'nothing');

    expect(end).toMatchObject({ state: 'failed', member: 'Active', failure: 'WrongInput' });
    expect(end.error).toContain('host host-1 has no container nothing');
  });

  test.each([
    ['refused', 'WrongInput', 'was not touched: refused on purpose', 'Active'],
    ['stuck', 'UpgradeFailed', 'needs a person: stuck on purpose', 'Failed'],
  ] as const)('that is %s ends as %s', async (...[failure, type, message, member]) => {
    const fleet = oneContainer();
    fleet.members.member('host-1').failNext(failure);

    const end = await run(fleet, upgrade);

    expect(end).toMatchObject({ state: 'failed', failure: type, member });
    expect(end.error).toContain(message);
  });

  test('waits for a registry that is away, and says so', async () => {
    const fleet = oneContainer();
    fleet.members.failPull('host-1', 'environment', 'registry is away');

    const started = await startContainer(world, fleet, { action: upgrade });
    const during = await eventually(async () => {
      const progress = await started.progress();
      return progress.waiting.some(({ what }) => what.includes('registry is away')) ? progress : null;
    });
    await started.end();

    expect(during).toMatchObject({ state: 'running', stage: 'pulling', member: 'Active' });
    expect(during.waiting[0]?.until).not.toBeNull();
    expect(fleet.members.imagesInPlace()).toEqual([NEW_IMAGE]);
  });

  test('gets no image that its host cannot run', async () => {
    const fleet = oneContainer();
    fleet.members.failPull('host-1', 'input', 'image is for arm64, host-1 runs amd64');

    const end = await run(fleet, upgrade);

    expect(end).toMatchObject({ failure: 'WrongInput', error: expect.stringContaining('arm64') as string });
    expect(fleet.members.member('host-1').replaced).toBe(0);
  });
});

describe('the way back of one container', () => {
  test('is the container that was kept', async () => {
    const fleet = oneContainer();
    await run(fleet, { ...upgrade, keepOldMs: 60_000 });

    const end = await run(fleet, { action: 'rollback' });

    expect(end).toMatchObject({ state: 'rolledBack', member: 'RolledBack', error: null, failure: null });
    expect(fleet.members.imagesInPlace()).toEqual([OLD_IMAGE]);
  });

  test('is there as long as was asked for, and gone after it', async () => {
    const fleet = oneContainer();

    await run(fleet, { ...upgrade, keepOldMs: 300 });
    const kept = fleet.members.member('host-1').kept.length;
    await fleet.until(() => fleet.log.includes('discard web-1 on host-1'));

    expect(kept).toBe(1);
    expect(await run(fleet, { action: 'rollback' })).toMatchObject({
      ...{ state: 'failed', failure: 'WrongInput', member: 'Active' },
      error: expect.stringContaining("can't go back: nothing is kept") as string,
    });
  });
});

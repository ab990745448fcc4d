import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Activities } from '../../activities/activities.ts';
import { assert } from '../../model/assert.ts';
import { parseHostId, type FleetId } from '../../model/ids.ts';
import type { ReplacementOutcome } from '../../model/replacement.ts';
import type { Progress } from '../../model/upgrade.ts';
import { serviceWorkflowId } from '../../workflows/messages.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { service } from '../fakes/release.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  const workflows = fileURLToPath(new URL('./service-stub.ts', import.meta.url));
  world = await openWorld(inject('temporalAddress'), { workflows, activities: oneMemberEach });
});
afterAll(async () => world.close());

/** What becomes of a service's member, in turn; then it is replaced. */
const outcomes = new Map<string, ReplacementOutcome[]>();
const held = new Set<string>();
const missing = new Set<string>();
const stuckOnTheWayBack = new Set<string>();

const key = (fleet: string, name: string): string => `${fleet}/${name}`;

describe('services of a release', () => {
  test('are upgraded after the hosts, infrastructure first, then in declared order; what they kept goes at the end', async () => {
    const fleet = fleetWith('ui', 'web');
    fleet.services = [...fleet.services, { ...service('dns'), infrastructure: true }];

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ dns: 'done', ui: 'done', web: 'done' });
    expect(end.services[0]).toMatchObject({ members: 1, image: service('dns').image });
    expect(fleet.log.filter((event) => /^(begin install|replace|discard)/.test(event))).toEqual([
      ...['begin install host-1', 'begin install host-2'],
      ...['replace dns', 'replace ui', 'replace web', 'discard dns', 'discard ui', 'discard web'],
    ]);
  });

  test('go on where hosts are there already', async () => {
    const fleet = world.fleet(['2.0.0', '2.0.0']);
    fleet.services = [service('web'), service('ui')];
    outcomes.set(key(fleet.name, 'ui'), [{ outcome: 'alreadyThere', id: 'a' }]);

    const end = await (await world.start(fleet)).end();

    expect(fleet.begun('install')).toEqual([]);
    expect(statesOf(end)).toEqual({ web: 'done', ui: 'alreadyThere' });
    expect(fleet.log).not.toContain('discard ui');
  });

  test('that the fleet does not run are passed over with a warning', async () => {
    const fleet = fleetWith('web', 'ui');
    missing.add(key(fleet.name, 'web'));

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ web: 'skipped', ui: 'done' });
    expect(end.findings).toMatchObject([{ severity: 'warning', what: 'no container of service web was found' }]);
  });
});

describe('a service that fails', () => {
  const sick: ReplacementOutcome = { outcome: 'putBack', reason: 'never healthy' };

  test('stops the upgrade, which says why; resume tries it again', async () => {
    const fleet = fleetWith('web', 'ui');
    outcomes.set(key(fleet.name, 'web'), [sick]);
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.phase).toBe('services');
    expect(waiting.error).toBe('service web failed: never healthy; its members are as they were');
    expect(waiting.waiting[0]?.movedOnBy).toContain(`refit skip ${upgrade.id} web`);
    expect(statesOf(waiting)).toEqual({ web: 'failed', ui: 'pending' });
    expect(statesOf(end)).toEqual({ web: 'done', ui: 'done' });
    expect(end.services[0]).not.toHaveProperty('error');
  });

  test('is left as it is by skip, and the others go on', async () => {
    const fleet = fleetWith('web', 'ui');
    outcomes.set(key(fleet.name, 'web'), [sick]);
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');

    const refused = await upgrade.onHost('skipHost', 'ui');
    const answer = await upgrade.onHost('skipHost', 'web');
    const end = await upgrade.end();

    expect(refused).toContain('service ui is pending; only one that failed');
    expect(answer).toBe('web is left as it is');
    expect(end.state).toBe('succeeded');
    expect(end.services).toMatchObject([
      { state: 'skipped', error: expect.stringContaining('never healthy') as string },
      {},
    ]);
  });

  test('of wrong input does not end the upgrade, whose hosts are done', async () => {
    const fleet = fleetWith('web');
    outcomes.set(key(fleet.name, 'web'), [{ outcome: 'refused', why: 'shared', reason: 'no' }]);
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');

    expect(waiting.error).toBe('service web failed: no, never');
    expect((await upgrade.end()).state).toBe('succeeded');
  });

  test('takes services and hosts back together when the policy says so, in reverse order', async () => {
    const fleet = fleetWith('dns', 'web', 'ui');
    outcomes.set(key(fleet.name, 'ui'), [sick]);

    const end = await (await world.start(fleet, { onFailure: 'rollback' })).end();

    expect(end.state).toBe('rolledBack');
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'rolledBack', ui: 'failed' });
    expect(fleet.log.filter((event) => /^(back|begin revert)/.test(event))).toEqual([
      ...['back web', 'back dns', 'begin revert host-2', 'begin revert host-1'],
    ]);
    expect(fleet.log.join()).not.toContain('discard');
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0']);
  });

  test('to go back is put to the operator', async () => {
    const fleet = fleetWith('dns', 'web');
    outcomes.set(key(fleet.name, 'web'), [sick]);
    stuckOnTheWayBack.add(key(fleet.name, 'dns'));
    const upgrade = await world.start(fleet, { onFailure: 'rollback' });
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    stuckOnTheWayBack.clear();
    await upgrade.onHost('retryHost', 'dns');
    const end = await upgrade.end();

    expect(waiting.error).toBe('service dns did not go back: it is stuck');
    expect(fleet.begun('revert')).toHaveLength(2);
    expect(end.state).toBe('rolledBack');
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'failed' });
  });
});

describe('while a service is upgraded', () => {
  async function atWork(): Promise<{ fleet: FakeFleet; upgrade: Awaited<ReturnType<World['start']>> }> {
    const fleet = fleetWith('dns', 'web', 'ui');
    held.add(key(fleet.name, 'web'));
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('replace web'));
    return { fleet, upgrade };
  }
  const letGo = (fleet: FakeFleet): void => {
    held.delete(key(fleet.name, 'web'));
    fleet.changed('let go');
  };

  test('pause reaches it, and resume lets it go on', async () => {
    const { fleet, upgrade } = await atWork();
    const running = await upgrade.progress();
    await upgrade.command('pause');
    const paused = await upgrade.until(({ state }) => state === 'paused');
    letGo(fleet);

    await upgrade.command('resume');
    const resumed = await upgrade.until(({ state }) => state !== 'paused');
    const end = await upgrade.end();

    expect(running.waiting[0]?.movedOnBy).toContain('refit service status web');
    expect(statesOf(paused)).toEqual({ dns: 'done', web: 'upgrading', ui: 'pending' });
    expect(resumed.state).not.toBe('waiting');
    expect(fleet.log).toContain('told pause resume');
    expect(end.state).toBe('succeeded');
  });

  test('roll back reaches it, and then services and hosts go back together', async () => {
    const { fleet, upgrade } = await atWork();
    await upgrade.command('rollback');
    letGo(fleet);
    const end = await upgrade.end();

    expect(fleet.log).toContain('told rollback');
    expect(end.state).toBe('rolledBack');
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'rolledBack', ui: 'pending' });
    expect(fleet.log.filter((event) => event.startsWith('back'))).toEqual(['back dns']);
  });

  test('abort reaches it, and everything stays as it is', async () => {
    const { fleet, upgrade } = await atWork();
    await upgrade.command('abort');
    letGo(fleet);
    const end = await upgrade.end();

    expect(fleet.log).toContain('told abort');
    expect(end.state).toBe('aborted');
    expect(fleet.log.filter((event) => /^(back|discard|begin revert|replace ui)/.test(event))).toEqual([]);
  });

  test('another upgrade of the same service is waited for, and that is said', async () => {
    const other = await atWork();
    const fleet = fleetWith('web');
    const mine = serviceWorkflowId(fleet.name, 'web');
    const input = { fleet: other.fleet.name, upgrade: 'x-1', service: { name: 'web' }, action: 'upgrade' };
    const policy = { health: {} };
    const running = await world.client.workflow.start('upgradeService', {
      ...{ workflowId: mine, taskQueue: world.taskQueue, args: [{ ...input, policy, image: 'r/web' }] },
    });
    const upgrade = await world.start(fleet, { environmentRetries: 500 });
    const waiting = await upgrade.until((progress) => progress.waiting[0]?.what.includes('another upgrade') === true);

    letGo(other.fleet);
    await running.result();
    const end = await upgrade.end();

    expect(waiting.waiting[0]).toMatchObject({
      what: 'another upgrade of service web, which is at work already',
      movedOnBy: 'its end; look: refit service status web',
    });
    expect(waiting.waiting[0]?.until).not.toBeNull();
    expect(end.state).toBe('succeeded');
    await other.upgrade.end();
  });
});

/** A fleet of two hosts on 1.0.0, whose next release has these services. */
function fleetWith(...names: readonly string[]): FakeFleet {
  const fleet = world.fleet(2);
  fleet.services = names.map((name) => service(name));
  return fleet;
}

const statesOf = ({ services }: Progress): Readonly<Record<string, string>> =>
  Object.fromEntries(services.map(({ name, state }) => [name, state]));

function oneMemberEach(fleets: ReadonlyMap<FleetId, FakeFleet>): Partial<Activities> {
  const fleetOf = (name: FleetId): FakeFleet => {
    const fleet = fleets.get(name);
    assert(fleet !== undefined, `${name} is known`);
    return fleet;
  };
  return {
    findMembers: async ({ fleet, service: { name } }) => {
      const found = {
        host: parseHostId('host-1'),
        container: name,
        running: true,
        image: 'old',
        imageId: 'a',
        server: null,
      };
      return Promise.resolve({ members: missing.has(key(fleet, name)) ? [] : [found], findings: [] });
    },
    replaceMember: async ({ fleet, container }) => {
      fleetOf(fleet).changed(`replace ${container}`);
      await fleetOf(fleet).until(() => !held.has(key(fleet, container)));
      const next = outcomes.get(key(fleet, container))?.shift();
      return next ?? { outcome: 'replaced', id: 'b', previous: null, awayMs: 5, notes: [] };
    },
    tellMembers: async ({ fleet, image }) => {
      fleetOf(fleet).changed(`told ${image}`);
      return Promise.resolve();
    },
    putBackMember: async ({ fleet, container }) => {
      if (stuckOnTheWayBack.has(key(fleet, container))) return Promise.resolve({ outcome: 'stuck', reason: 'no' });
      fleetOf(fleet).changed(`back ${container}`);
      return Promise.resolve({ outcome: 'putBack', id: 'a', imageId: 'a' });
    },
    discardKept: async ({ fleet, container }) => {
      fleetOf(fleet).changed(`discard ${container}`);
      return Promise.resolve({ removed: 1 });
    },
  };
}

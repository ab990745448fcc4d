import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Progress } from '../../model/upgrade.ts';
import type { ServiceRelease } from '../../model/release.ts';
import { serviceProgress, serviceWorkflowId } from '../../workflows/messages.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import { OLD_IMAGE } from '../fakes/fake-members.ts';
import { eventually } from '../eventually.ts';
import { service } from '../fakes/release.ts';
import type { Upgrade } from './upgrade.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld(inject('temporalAddress'));
});
afterAll(async () => world.close());

describe('services of a release', () => {
  test('are upgraded after the hosts, infrastructure first, then in declared order; what they kept goes at the end', async () => {
    const fleet = fleetWith(service('ui'), service('web'), { ...service('dns'), infrastructure: true });

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ dns: 'done', ui: 'done', web: 'done' });
    expect(end.services[0]).toMatchObject({ members: 2, image: service('dns').image });
    expect(eventsOf(fleet, /^(begin install|start new)/)).toEqual([
      ...['begin install host-1', 'begin install host-2'],
      ...['start new dns-1 on host-1', 'start new dns-1 on host-2'],
      ...['start new ui-1 on host-1', 'start new ui-1 on host-2'],
      ...['start new web-1 on host-1', 'start new web-1 on host-2'],
    ]);
    expect(fleet.log.findIndex((event) => event.startsWith('discard'))).toBeGreaterThan(
      fleet.log.indexOf('start new web-1 on host-2'),
    );
    expect(eventsOf(fleet, /^discard/)).toHaveLength(6);
    expect(fleet.members.all.flatMap(({ kept }) => kept)).toEqual([]);
  });

  test('that are there already are not touched, also where the hosts are', async () => {
    const fleet = fleetWith(service('web'));
    for (const host of fleet.hosts.values()) host.installed = '2.0.0';
    for (const member of fleet.members.all) member.current = { ...member.current, image: service('web').image };

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ web: 'alreadyThere' });
    expect(eventsOf(fleet, /begin|start|stop|discard/)).toEqual([]);
  });

  test('that agents find as they should be count as there already', async () => {
    const fleet = fleetWith({ ...service('web'), mode: 'agent' });
    for (const member of fleet.members.all) member.current = { ...member.current, image: service('web').image };

    const end = await (await world.start(fleet)).end();

    expect(fleet.orders.map(({ action, host }) => `${action} ${host}`)).toEqual(['service host-1', 'service host-2']);
    expect(statesOf(end)).toEqual({ web: 'alreadyThere' });
  });

  test('go on where the hosts are there already', async () => {
    const fleet = fleetWith(service('web'), service('ui'));
    for (const host of fleet.hosts.values()) host.installed = '2.0.0';

    const end = await (await world.start(fleet)).end();

    expect(fleet.begun('install')).toEqual([]);
    expect(statesOf(end)).toEqual({ web: 'done', ui: 'done' });
  });

  test('that the fleet does not run are passed over with a warning', async () => {
    const fleet = fleetWith(service('ui'));
    fleet.services = [service('web'), ...fleet.services];

    const end = await (await world.start(fleet)).end();

    expect(end.state).toBe('succeeded');
    expect(statesOf(end)).toEqual({ web: 'skipped', ui: 'done' });
    expect(end.findings).toMatchObject([{ severity: 'warning', what: 'no container of service web was found' }]);
  });

  test('all at once never run in two versions, on the way there and back', async () => {
    const fleet = fleetWith({ ...service('web'), strategy: { strategy: 'allAtOnce' }, compatible: false });
    const upgrade = await world.start(fleet);
    await upgrade.until(({ phase }) => phase === 'services');

    await upgrade.command('rollback');
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect(fleet.members.isMixed).toBe(false);
    expect(fleet.members.imagesInPlace()).toEqual([OLD_IMAGE, OLD_IMAGE]);
  });
});

describe('a service that fails', () => {
  test('goes back by itself and stops the upgrade, which says why; resume tries it again', async () => {
    const fleet = fleetWith(service('web'), service('ui'));
    fleet.members.member('host-2').failNext('unhealthy');
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    const images = fleet.members.of('web').map(({ current }) => current.image);

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.phase).toBe('services');
    expect(waiting.error).toMatch(/^service web failed: .*unhealthy on purpose; its members are as they were$/);
    expect(waiting.waiting[0]?.movedOnBy).toContain(`refit skip ${upgrade.id} web`);
    expect(statesOf(waiting)).toEqual({ web: 'failed', ui: 'pending' });
    expect(images).toEqual([OLD_IMAGE, OLD_IMAGE]);
    expect(statesOf(end)).toEqual({ web: 'done', ui: 'done' });
    expect(end.services[0]).not.toHaveProperty('error');
  });

  test('is left as it is by skip, and the others go on', async () => {
    const fleet = fleetWith(service('web'), service('ui'));
    fleet.members.member('host-1').failNext('unhealthy');
    const upgrade = await world.start(fleet);
    await upgrade.until(({ state }) => state === 'waiting');

    const refused = await upgrade.onHost('skipHost', 'ui');
    const answer = await upgrade.onHost('skipHost', 'web');
    const end = await upgrade.end();

    expect(refused).toContain('service ui is pending; only one that failed');
    expect(answer).toBe('web is left as it is');
    expect(end.state).toBe('succeeded');
    expect(end.services).toMatchObject([{ state: 'skipped' }, { state: 'done' }]);
    expect(end.services[0]?.error).toContain('unhealthy on purpose');
  });

  test('because its input is wrong does not end the upgrade, whose hosts are done', async () => {
    const fleet = fleetWith(service('web'));
    fleet.members.failPull('host-1', 'input', 'web is for arm64');
    const upgrade = await world.start(fleet);
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.onHost('retryHost', 'web');

    expect(waiting.error).toContain('web is for arm64');
    expect((await upgrade.end()).state).toBe('succeeded');
  });

  test('takes services and hosts back together when the policy says so, in reverse order', async () => {
    const fleet = fleetWith(service('dns'), service('web'), service('ui'));
    fleet.members.member('host-1', 'ui-1').failNext('unhealthy');

    const end = await (await world.start(fleet, { onFailure: 'rollback' })).end();

    expect(end.state).toBe('rolledBack');
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'rolledBack', ui: 'failed' });
    expect(eventsOf(fleet, /^(start old (web|dns)|begin revert)/)).toEqual([
      ...['start old web-1 on host-2', 'start old web-1 on host-1'],
      ...['start old dns-1 on host-2', 'start old dns-1 on host-1'],
      ...['begin revert host-2', 'begin revert host-1'],
    ]);
    expect(fleet.members.imagesInPlace()).toEqual(Array.from({ length: 6 }, () => OLD_IMAGE));
    expect(fleet.versions()).toEqual(['1.0.0', '1.0.0']);
  });

  test('to go back asks through the upgrade of the release, which answers it', async () => {
    const fleet = fleetWith(service('dns'), service('web'));
    fleet.members.member('host-1').failNext('unhealthy');
    fleet.members.member('host-2', 'dns-1').failBack('its disk is full');
    const upgrade = await world.start(fleet, { onFailure: 'rollback' });
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.error).toMatch(/^service dns: host-2\/dns-1 failed: .*its disk is full/);
    expect(waiting.waiting[0]).toMatchObject({ until: null, what: `the operator: ${waiting.error ?? ''}` });
    expect(waiting.waiting[0]?.movedOnBy).toBe(`refit resume ${upgrade.id} | refit abort ${upgrade.id}`);
    expect(end.state).toBe('rolledBack');
    expect(end.error).toBeNull();
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'failed' });
    expect(fleet.members.imagesInPlace()).toEqual(Array.from({ length: 4 }, () => OLD_IMAGE));
  });
});

describe('while a service is upgraded', () => {
  test('pause reaches it, and resume lets it go on', async () => {
    const { fleet, upgrade } = await atWork();
    const running = await upgrade.progress();
    await upgrade.command('pause', { reason: 'lunch' });
    const paused = await upgrade.until(({ state }) => state === 'paused');
    fleet.members.held.clear();
    fleet.changed('let go');
    await ofService(fleet, 'web', (state) => state === 'paused');
    const begun = eventsOf(fleet, /^stop old (web|ui)/);

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(running.waiting[0]?.movedOnBy).toContain('refit service status web');
    expect(statesOf(paused)).toEqual({ dns: 'done', web: 'upgrading', ui: 'pending' });
    expect(begun).toEqual(['stop old web-1 on host-1']);
    expect(end.state).toBe('succeeded');
    expect(end.decisions.map(({ decision }) => decision)).toEqual(expect.arrayContaining(['pause', 'resume']));
  });

  test('roll back reaches it, and then services and hosts go back together', async () => {
    const { fleet, upgrade } = await atWork();
    await upgrade.command('rollback');
    fleet.members.held.clear();
    fleet.changed('let go');
    const end = await upgrade.end();

    expect(end.state).toBe('rolledBack');
    expect(statesOf(end)).toEqual({ dns: 'rolledBack', web: 'rolledBack', ui: 'pending' });
    expect(eventsOf(fleet, /^(start new|start old)/)).toEqual([
      ...['start new dns-1 on host-1', 'start new dns-1 on host-2', 'start new web-1 on host-1'],
      ...['start old web-1 on host-1', 'start old dns-1 on host-2', 'start old dns-1 on host-1'],
    ]);
    expect(fleet.begun('revert')).toEqual(['host-2', 'host-1']);
  });

  test('roll back asks when the service can not go back, and resume tries that again', async () => {
    const { fleet, upgrade } = await atWork();
    fleet.members.member('host-1').failBack('its disk is full');
    await upgrade.command('pause');
    await upgrade.until(({ state }) => state === 'paused');
    await upgrade.command('rollback');
    fleet.members.held.clear();
    fleet.changed('let go');
    const waiting = await upgrade.until(({ state }) => state === 'waiting');

    await upgrade.command('resume');
    const end = await upgrade.end();

    expect(waiting.error).toContain('its disk is full');
    expect(waiting.waiting[0]?.movedOnBy).toBe(`refit resume ${upgrade.id} | refit abort ${upgrade.id}`);
    expect(end.state).toBe('rolledBack');
    expect(fleet.members.imagesInPlace()).toEqual(Array.from({ length: 6 }, () => OLD_IMAGE));
  });

  test('abort reaches it, and everything stays as it is', async () => {
    const { fleet, upgrade } = await atWork();
    await upgrade.command('abort');
    fleet.members.held.clear();
    fleet.changed('let go');
    const end = await upgrade.end();

    expect(end.state).toBe('aborted');
    expect(eventsOf(fleet, /^(start old|discard|begin revert|stop old ui)/)).toEqual([]);
    expect(fleet.members.member('host-1').current.image).toBe(service('web').image);
    expect(fleet.members.member('host-2').current.image).toBe(OLD_IMAGE);
  });

  test('another upgrade of the same service is waited for, and that is said', async () => {
    const fleet = fleetWith(service('web'));
    const workflowId = serviceWorkflowId(fleet.name, 'web');
    const other = await world.client.workflow.start('holdServiceName', { workflowId, taskQueue: 'nobody', args: [] });
    const upgrade = await world.start(fleet, { environmentRetries: 500 });
    const waiting = await upgrade.until((progress) => progress.waiting[0]?.what.includes('another upgrade') === true);

    await other.terminate();
    const end = await upgrade.end();

    expect(waiting.waiting[0]).toMatchObject({
      what: 'another upgrade of service web, which is at work already',
      movedOnBy: 'its end; look: refit service status web',
    });
    expect(waiting.waiting[0]?.until).not.toBeNull();
    expect(end.state).toBe('succeeded');
  });

  test('another upgrade of the same service that does not end is put to the operator', async () => {
    const fleet = fleetWith(service('web'));
    const workflowId = serviceWorkflowId(fleet.name, 'web');
    const other = await world.client.workflow.start('holdServiceName', { workflowId, taskQueue: 'nobody', args: [] });
    const upgrade = await world.start(fleet, { environmentRetries: 2 });

    const waiting = await upgrade.until(({ state }) => state === 'waiting');
    await upgrade.command('abort');

    expect(waiting.error).toContain('another upgrade of service web is at work and does not end');
    expect((await upgrade.end()).state).toBe('aborted');
    await other.terminate();
  });

  async function atWork(): Promise<{ readonly fleet: FakeFleet; readonly upgrade: Upgrade }> {
    const fleet = fleetWith(service('dns'), service('web'), service('ui'));
    // The members of the first host wait as soon as dns is through.
    fleet.onActivity = (name, when) => {
      if (name !== 'pullImage' || when === 'before' || !fleet.log.includes('start new dns-1 on host-2')) return;
      fleet.members.held.add('host-1');
      fleet.onActivity = () => undefined;
    };
    const upgrade = await world.start(fleet);
    await fleet.until(() => fleet.log.includes('held host-1'));
    return { fleet, upgrade };
  }
});

/** A fleet of two hosts on 1.0.0 with a member of every service on each. */
function fleetWith(...services: readonly ServiceRelease[]): FakeFleet {
  const fleet = world.fleet(2);
  fleet.services = services;
  for (const { name } of services) fleet.members.add(['host-1', 'host-2'], { service: name, serverState: null });
  return fleet;
}

const statesOf = ({ services }: Progress): Readonly<Record<string, string>> =>
  Object.fromEntries(services.map(({ name, state }) => [name, state]));

const eventsOf = (fleet: FakeFleet, pattern: RegExp): readonly string[] =>
  fleet.log.filter((event) => pattern.test(event));

async function ofService(fleet: FakeFleet, name: string, isMet: (state: string) => boolean): Promise<void> {
  const handle = world.client.workflow.getHandle(serviceWorkflowId(fleet.name, name));
  await eventually(async () => isMet((await handle.query(serviceProgress)).state));
}

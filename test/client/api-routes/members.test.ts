import { describe, expect, test } from 'vitest';
import type { UnitRelease } from '../../../model/unit.ts';
import { parseHostId, parseServiceId, parseUnitId } from '../../../model/ids.ts';
import { readRelease } from '../../fakes/release.ts';
import { makeUnitRelease } from '../units.ts';
import { startApi, type Answer } from './an-api.ts';

const LAB = '/v1/fleets/lab';
const web = parseServiceId('web');
const shop = parseUnitId('shop');
const db = { host: parseHostId('host-1'), container: 'db' };

const withUnit = (unit: UnitRelease): ReturnType<typeof readRelease> => readRelease({ units: [unit] });
const runIdOf = ({ body }: Answer): string => (body as { readonly runId: string }).runId;

describe('fleets and hosts by way of the API', () => {
  test('a token sees its own fleets alone', async () => {
    await using api = await startApi();

    expect((await api.ask('GET', '/v1/fleets')).body).toEqual({ fleets: [{ fleet: 'lab', href: LAB }] });
    expect((await api.ask('GET', '/v1/fleets', { as: 'stranger' })).body).toMatchObject({
      fleets: [{ fleet: 'other' }],
    });
  });

  test('hosts are told a page at a time and one by one', async () => {
    await using api = await startApi();

    const first = await api.ask('GET', `${LAB}/hosts?limit=2`);
    const second = await api.ask('GET', `${LAB}/hosts?limit=2&cursor=host-2`);
    const one = await api.ask('GET', `${LAB}/hosts/host-3`);
    const none = await api.ask('GET', `${LAB}/hosts/host-9`);

    expect(first.body).toMatchObject({ hosts: [{ name: 'host-1' }, { name: 'host-2' }], nextCursor: 'host-2' });
    expect(second.body).toMatchObject({ hosts: [{ name: 'host-3' }], nextCursor: null });
    expect(one.body).toMatchObject({ name: 'host-3', version: '1.0.0', alive: true });
    expect(none.status).toBe(404);
  });

  test('a release and a plan are told, and nothing is started', async () => {
    await using api = await startApi();
    const reference = api.lab.publish(readRelease());

    const release = await api.ask('GET', `${LAB}/releases?reference=${encodeURIComponent(reference)}`);
    const plan = await api.ask('POST', `${LAB}/plans`, { as: 'viewer', body: { reference, policy: { step: true } } });

    expect(release.body).toMatchObject({ ref: { name: 'sample', version: '2.0.0' }, release: { version: '2.0.0' } });
    expect(plan).toMatchObject({ status: 200, body: { reference, policy: { step: true, onFailure: 'pause' } } });
    expect(await api.lab.upgrades.list()).toEqual([]);
  });

  test('who asks for skip and sets no budget has every failing host skipped', async () => {
    await using api = await startApi();
    const reference = api.lab.publish(readRelease());

    const plan = await api.ask('POST', `${LAB}/plans`, { body: { reference, policy: { onFailure: 'skip' } } });

    expect(plan.body).toMatchObject({ policy: { maxFailures: { percent: 100 } } });
  });

  test('a service that is away is told as such, and when to come again', async () => {
    await using api = await startApi();
    api.lab.away = 'etcd at 127.0.0.1:1 does not answer';

    const answer = await api.ask('GET', `${LAB}/hosts`);

    expect(answer).toMatchObject({ status: 503, body: { detail: 'etcd at 127.0.0.1:1 does not answer' } });
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describe('services by way of the API', () => {
  test('an upgrade is started, looked at by its run and as the latest, commanded and taken back', async () => {
    await using api = await startApi();
    const root = `${LAB}/services/web`;

    const started = await api.ask('POST', `${root}/upgrades`, { body: { image: 'registry.lab:5000/web:2' } });
    const paused = await api.ask('POST', `${root}/commands`, { body: { command: 'pause' } });
    const [latest, byRun] = [
      await api.ask('GET', `${root}/upgrades/latest`),
      await api.ask('GET', String(started.headers['location'])),
    ];
    api.lab.services.move(web, { state: 'aborted' });
    const back = await api.ask('POST', `${root}/rollbacks`);

    expect([started.status, paused.status, back.status]).toEqual([202, 200, 202]);
    expect(latest.body).toMatchObject({
      ...{ runId: runIdOf(started), found: { requestedBy: 'operator', isRunning: true } },
      look: { run: 'live', progress: { state: 'paused', service: 'web' } },
    });
    expect(byRun.body).toMatchObject({ runId: runIdOf(started), found: null, look: { run: 'live' } });
  });

  test('one at a time, and without one there is nothing to take back or to look at', async () => {
    await using api = await startApi();
    const root = `${LAB}/services/web`;
    const body = { image: 'registry.lab:5000/web:2' };

    const [none, nothing] = [
      await api.ask('GET', `${root}/upgrades/latest`),
      await api.ask('POST', `${root}/rollbacks`),
    ];
    await api.ask('POST', `${root}/upgrades`, { body });
    const second = await api.ask('POST', `${root}/upgrades`, { body });

    expect([none.status, nothing.status, second.status]).toEqual([404, 409, 409]);
  });

  test('they are listed, and their members shown', async () => {
    await using api = await startApi();

    expect((await api.ask('GET', `${LAB}/services`)).body).toEqual({ services: ['web'] });
    expect((await api.ask('GET', `${LAB}/services/web`)).body).toMatchObject({
      ...{ service: { name: 'web' }, problems: [] },
      members: [{ host: 'host-1', state: 'Active' }, { host: 'host-2' }, { host: 'host-3' }],
    });
  });
});

describe('units by way of the API', () => {
  test('an upgrade takes the release’s policy, with what the request says laid over it', async () => {
    await using api = await startApi();
    const reference = api.lab.publish(withUnit(makeUnitRelease()));

    const started = await api.ask('POST', `${LAB}/units/shop/upgrades`, {
      body: { reference, policy: { approval: true } },
    });

    expect(started.status).toBe(202);
    expect((await api.ask('GET', `${LAB}/units/shop/upgrades/latest`)).body).toMatchObject({
      look: { run: 'live', progress: { unit: 'shop', release: 'sample 2.0.0' } },
    });
  });

  test('a release without the unit, and a unit that the fleet has not, are refused', async () => {
    await using api = await startApi();
    const reference = api.lab.publish(readRelease());

    const lacking = await api.ask('POST', `${LAB}/units/shop/upgrades`, { body: { reference } });
    const unknown = await api.ask('POST', `${LAB}/units/other/standby-deletions`, { body: {} });

    expect([lacking.status, unknown.status]).toEqual([422, 422]);
  });

  test('a standby slot that an upgrade keeps goes by command, else by a run of its own', async () => {
    await using api = await startApi();
    const reference = api.lab.publish(withUnit(makeUnitRelease()));
    await api.ask('POST', `${LAB}/units/shop/upgrades`, { body: { reference } });
    const command = { body: { command: 'deleteStandby' } };

    const tooEarly = await api.ask('POST', `${LAB}/units/shop/commands`, command);
    api.lab.units.move(shop, { standby: 'blue', keptUntil: Date.now() + 60_000 });
    const kept = await api.ask('POST', `${LAB}/units/shop/commands`, command);
    const alone = await api.ask('POST', `${LAB}/units/shop/standby-deletions`, { body: { reason: 'space' } });

    expect([tooEarly.status, kept.status, alone.status]).toEqual([409, 200, 202]);
  });

  test('both slots are shown', async () => {
    await using api = await startApi();

    expect((await api.ask('GET', `${LAB}/units`)).body).toEqual({ units: ['shop'] });
    expect((await api.ask('GET', `${LAB}/units/shop`)).body).toMatchObject({ unit: 'shop', containers: [] });
  });
});

describe('containers by way of the API', () => {
  const root = `${LAB}/hosts/host-1/containers/db`;

  test('one is upgraded and put back', async () => {
    await using api = await startApi();

    const started = await api.ask('POST', `${root}/upgrades`, { body: { image: 'registry.lab:5000/db:2' } });
    api.lab.containers.move(db, { state: 'succeeded', keptUntil: Date.now() });
    const found = await api.ask('GET', String(started.headers['location']));
    const back = await api.ask('POST', `${root}/rollbacks`);

    expect([started.status, back.status]).toEqual([202, 202]);
    expect(found.body).toMatchObject({ look: { run: 'ended', progress: { container: 'db', state: 'succeeded' } } });
  });

  test('of a host that the fleet has not, the host is named', async () => {
    await using api = await startApi();

    const answer = await api.ask('GET', `${LAB}/hosts/host-9/containers/db/upgrades/latest`);

    expect(answer).toMatchObject({ status: 422, body: { errors: [{ field: 'host' }] } });
  });

  test.each([
    { image: '' },
    { image: 'db:2', envFile: 'relative' },
    { image: 'db:2', settings: { cpus: 0 } },
    { image: 'db:2', settings: { ports: ['eighty'] } },
    { image: 'db:2', health: { probe: { type: 'http', url: 'ftp://x', status: 200, contains: null } } },
    { image: 'db:2', unknown: true },
  ])('%j is no upgrade', async (body) => {
    await using api = await startApi();

    expect((await api.ask('POST', `${root}/upgrades`, { body })).status).toBe(400);
  });

  test('a run that was refused says why', async () => {
    await using api = await startApi();
    await api.ask('POST', `${root}/upgrades`, { body: { image: 'registry.lab:5000/db:2' } });
    api.lab.containers.refuse(db, 'there is no container db');

    expect((await api.ask('GET', `${root}/upgrades/latest`)).body).toMatchObject({
      look: { run: 'refused', because: 'there is no container db' },
    });
  });
});

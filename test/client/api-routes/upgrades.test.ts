import { describe, expect, test } from 'vitest';
import { parseUpgradeId } from '../../../model/ids.ts';
import { FakeFleetClient } from '../../fakes/fleet-client.ts';
import { MemoryLasting } from '../../fakes/lasting-values.ts';
import { readRelease, releaseRef } from '../../fakes/release.ts';
import { startApi, type AnApi, type Answer } from './an-api.ts';

const UPGRADES = '/v1/fleets/lab/upgrades';

/** An API whose lab has the release that `reference` names. */
async function openSite(options: Parameters<typeof startApi>[0] = {}): Promise<AnApi & { readonly reference: string }> {
  const api = await startApi(options);
  return { ...api, reference: api.lab.publish(readRelease()) };
}

const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const problem = (detail: RegExp): unknown => ({ detail: matching(detail) });
const fieldsOf = ({ body }: Answer): readonly string[] =>
  (body as { readonly errors: readonly { readonly field: string }[] }).errors.map(({ field }) => field);

describe('upgrades by way of the API', () => {
  test('one is started, and found at the address that the answer names', async () => {
    await using api = await openSite();

    const started = await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'spring' } });
    const found = await api.ask('GET', String(started.headers['location']));

    expect(started).toMatchObject({ status: 202, body: { id: 'spring', href: `${UPGRADES}/spring` } });
    expect(started.headers['location']).toBe(`${UPGRADES}/spring`);
    expect(found).toMatchObject({ status: 200, body: { id: 'spring', state: 'running', release: 'sample 2.0.0' } });
    expect(found.body).toMatchObject({ startedAt: matching(/^\d{4}-.*Z$/), finishedAt: null });
  });

  test('whoever the token is of is who asked for it', async () => {
    await using api = await openSite();

    await api.ask('POST', UPGRADES, { body: { reference: api.reference } });

    expect(await api.lab.upgrades.list()).toMatchObject([{ requestedBy: 'operator', isRunning: true }]);
  });

  test('a second one is refused, and the problem names the first', async () => {
    await using api = await openSite();
    await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });

    const second = await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'second' } });

    expect(second).toMatchObject({ status: 409, body: problem(/first to sample 2\.0\.0.*upgrades\/first/) });
  });

  test('a name that was there before is refused', async () => {
    await using api = await openSite();
    await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });
    api.lab.upgrades.move(parseUpgradeId('first'), { state: 'succeeded' });

    const again = await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });

    expect(again).toMatchObject({ status: 409, body: problem(/first was there before/) });
    expect(fieldsOf(again)).toEqual(['id']);
  });

  test('a reference that means another release by now is refused', async () => {
    await using api = await openSite();
    const body = { reference: api.reference, digest: `sha256:${'0'.repeat(64)}` };

    const answer = await api.ask('POST', UPGRADES, { body });

    expect(answer.status).toBe(422);
    expect(fieldsOf(answer)).toEqual(['digest']);
    expect(await api.lab.upgrades.list()).toEqual([]);
  });

  test('a release for other fleets is refused, and its field named', async () => {
    await using api = await openSite();
    const elsewhere = { ...readRelease({ fleets: ['production-*'] }), ref: releaseRef('3.0.0', 'e') };

    const answer = await api.ask('POST', UPGRADES, { body: { reference: api.lab.publish(elsewhere) } });

    expect(answer).toMatchObject({ status: 422, body: problem(/for the fleets production-\*/) });
    expect(fieldsOf(answer)).toEqual(['reference']);
  });

  test.each([
    [
      { policy: { install: { strategy: 'waves', sizes: [{ hosts: 0 }], maxUnavailable: null } } },
      'policy.install.sizes[0]',
    ],
    [{ policy: { onFailure: 'shrug' } }, 'policy.onFailure'],
    [{ policy: { hostDeadlineMs: -1 } }, 'policy.hostDeadlineMs'],
    [{ id: 'Not A Name' }, 'id'],
    [{ digest: 'sha256:1' }, 'digest'],
  ])('a body with %j is refused, and its field named', async (wrong, field) => {
    await using api = await openSite();

    const answer = await api.ask('POST', UPGRADES, { body: { reference: api.reference, ...wrong } });

    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toEqual([field]);
  });

  test('they are listed a page at a time, the latest first, each once', async () => {
    await using api = await openSite();
    for (const id of ['one', 'two', 'three']) {
      await api.ask('POST', UPGRADES, { body: { reference: api.reference, id } });
      api.lab.upgrades.move(parseUpgradeId(id), { state: 'succeeded' });
    }

    const first = await api.ask('GET', `${UPGRADES}?limit=2`);
    const { nextCursor } = first.body as { readonly nextCursor: string };
    const second = await api.ask('GET', `${UPGRADES}?limit=2&cursor=${nextCursor}`);

    expect(first.body).toMatchObject({ upgrades: [{ id: 'three' }, { id: 'two' }] });
    expect(second.body).toMatchObject({ upgrades: [{ id: 'one' }], nextCursor: null });
  });

  test.each(['limit=0', 'limit=501', 'limit=many', 'cursor=gone'])('a page of %s is refused', async (query) => {
    await using api = await openSite();

    const answer = await api.ask('GET', `${UPGRADES}?${query}`);

    expect(answer.status).toBe(400);
    expect(fieldsOf(answer)).toEqual([query.replace(/=.*/, '')]);
  });

  test('one that was never there is 404, to look at, to follow and to command', async () => {
    await using api = await openSite();
    const body = { command: 'pause' };

    const answers = await Promise.all([
      api.ask('GET', `${UPGRADES}/nobody`),
      api.ask('GET', `${UPGRADES}/nobody/events`),
      api.ask('POST', `${UPGRADES}/nobody/commands`, { body }),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  });
});

describe('commands by way of the API', () => {
  test('are taken with their reason, and answered with what happens next', async () => {
    await using api = await openSite();
    await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });

    const answer = await api.ask('POST', `${UPGRADES}/first/commands`, { body: { command: 'pause', reason: 'lunch' } });

    expect(answer).toMatchObject({ status: 200, body: { message: matching(/what runs finishes/) } });
    const decision = { decision: 'pause', because: 'lunch', by: 'operator' };
    expect(await api.lab.upgrades.progress(parseUpgradeId('first'))).toMatchObject({
      state: 'paused',
      decisions: [decision],
    });
  });

  test('that make no sense now are refused with the upgrade’s own words', async () => {
    await using api = await openSite();
    await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });

    const answer = await api.ask('POST', `${UPGRADES}/first/commands`, { body: { command: 'resume' } });

    expect(answer).toMatchObject({ status: 409, body: { detail: 'resume refused: it is running, not paused' } });
  });

  test.each([{ command: 'explode' }, { command: 'approve' }, { command: 'pause', step: 'x' }, { command: 'skipHost' }])(
    '%j is no command',
    async (body) => {
      await using api = await openSite();
      await api.ask('POST', UPGRADES, { body: { reference: api.reference, id: 'first' } });

      expect((await api.ask('POST', `${UPGRADES}/first/commands`, { body })).status).toBe(400);
    },
  );
});

describe('a request that is made again after its API has crashed', () => {
  /** Whoever takes the request over knows nothing of the first answer. */
  async function openAgain(lab: FakeFleetClient): Promise<AnApi> {
    return startApi({ lab, values: new MemoryLasting() });
  }

  test('finds the upgrade that it began, at work or over', async () => {
    const lab = new FakeFleetClient();
    const body = { reference: lab.publish(readRelease()) };
    await using first = await startApi({ lab });
    const begun = await first.ask('POST', UPGRADES, { body, key: 'k-1' });

    await using second = await openAgain(lab);
    const again = await second.ask('POST', UPGRADES, { body, key: 'k-1' });
    lab.finish();
    await using third = await openAgain(lab);
    const later = await third.ask('POST', UPGRADES, { body, key: 'k-1' });

    expect(begun.status).toBe(202);
    expect([again.status, later.status]).toEqual([202, 202]);
    expect([again.body, later.body]).toEqual([begun.body, begun.body]);
    expect(await lab.upgrades.list()).toHaveLength(1);
  });

  test('with another key is another request', async () => {
    const lab = new FakeFleetClient();
    const body = { reference: lab.publish(readRelease()) };
    await using api = await startApi({ lab });
    await api.ask('POST', UPGRADES, { body, key: 'k-1' });
    lab.finish();

    await api.ask('POST', UPGRADES, { body, key: 'k-2' });

    expect(await lab.upgrades.list()).toHaveLength(2);
  });

  test('of a service, a unit or a container finds its run', async () => {
    const lab = new FakeFleetClient();
    const starts = [
      ['/v1/fleets/lab/services/web/upgrades', { image: 'registry.lab:5000/web:2' }],
      ['/v1/fleets/lab/units/shop/standby-deletions', {}],
      ['/v1/fleets/lab/hosts/host-1/containers/db/upgrades', { image: 'registry.lab:5000/db:2' }],
    ] as const;

    for (const [url, body] of starts) {
      await using first = await startApi({ lab });
      const begun = await first.ask('POST', url, { body, key: 'k-1' });
      lab.finish();
      await using second = await openAgain(lab);
      const again = await second.ask('POST', url, { body, key: 'k-1' });

      expect([begun.status, again.status]).toEqual([202, 202]);
      expect(again.body).toEqual(begun.body);
    }
  });
});

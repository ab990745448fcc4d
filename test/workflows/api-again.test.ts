import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { startApi, type AnApi } from '../client/api-routes/an-api.ts';
import { FakeFleetClient } from '../fakes/fleet-client.ts';
import { openAskedParts, type AskedParts, type AskedSite } from './asked-site.ts';

let parts: AskedParts;
let site: AskedSite;
beforeAll(async () => {
  parts = await openAskedParts(inject('temporalAddress'));
  site = await parts.open();
});
afterAll(async () => {
  site.letGo();
  await site[Symbol.asyncDispose]();
  await parts.close();
});

/** Another API over the same fleet, that knows nothing of what the one before it has answered. */
const openApi = (): Promise<AnApi> =>
  startApi({ lab: new FakeFleetClient({ name: site.fleet.fleet }), clientOf: () => site.client });

describe('a request that is made again after its API has crashed', () => {
  test('starts an upgrade once, and gives a command once, in Temporal as well', async () => {
    const root = `/v1/fleets/${site.fleet.fleet}/upgrades`;
    const body = { reference: site.references.here };
    await using first = await openApi();
    await using second = await openApi();

    const begun = await first.ask('POST', root, { body, key: 'begin' });
    const begunAgain = await second.ask('POST', root, { body, key: 'begin' });
    const commands = `${String(begun.headers['location'])}/commands`;
    const pause = { body: { command: 'pause', reason: 'lunch' }, key: 'pause' };
    const [paused, pausedAgain] = [await first.ask('POST', commands, pause), await second.ask('POST', commands, pause)];
    const other = await second.ask('POST', commands, { ...pause, key: 'another' });

    expect([begun, begunAgain, paused, pausedAgain].map(({ status }) => status)).toEqual([202, 202, 200, 200]);
    expect(begunAgain.body).toEqual(begun.body);
    expect(pausedAgain.body).toEqual(paused.body);
    expect(other).toMatchObject({ status: 409, body: { detail: expect.stringContaining('paused') as unknown } });
    expect(await site.client.upgrades.list()).toHaveLength(1);
  });
});

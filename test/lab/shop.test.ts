import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { portOf } from '../parts/free-ports.ts';
import { openShop } from '../parts/shop.ts';

/** A stop waits for what runs, and then for no longer than this; ms. A busy machine needs some of it to start a process. */
const END_MS = 5_000;
const GREEN = { SLOT: 'green', HOST: 'host-1' };

const statusOf = async (url: string): Promise<number> => (await fetch(url)).status;
const statuses = async (url: string, count: number): Promise<readonly number[]> => {
  const found: number[] = [];
  for (let asked = 0; asked < count; asked += 1) found.push(await statusOf(url));
  return found;
};

describe('the pages of the shop', () => {
  test('say their version, slot and host', async () => {
    await using shop = await openShop('1.2.3');
    const { address } = await shop.serve('web', GREEN);

    expect(await (await fetch(`http://${address}/`)).json()).toEqual({
      version: '1.2.3',
      slot: 'green',
      host: 'host-1',
    });
    expect(await statusOf(`http://${address}/slow?ms=10`)).toBe(200);
    expect(await statusOf(`http://${address}/other`)).toBe(404);
    expect((await shop.run('web', { args: ['check'], env: { PORT: address.split(':')[1] ?? '' } })).exitCode).toBe(0);
  });

  test('ask the next API when one is not there', async () => {
    await using shop = await openShop('1.2.3');
    const { address: api } = await shop.serve('web', { SLOT: 'blue' });
    const { address } = await shop.serve('web', { ...GREEN, API: `127.0.0.1:9,${api}` });

    for (let asked = 0; asked < 3; asked += 1) {
      const answer: unknown = await (await fetch(`http://${address}/api`)).json();
      expect(answer).toMatchObject({ slot: 'green', api: { slot: 'blue' } });
    }
  });

  test('say which API gave no answer', async () => {
    await using shop = await openShop('1.2.3');
    const { address } = await shop.serve('web', { API: '127.0.0.1:9' });

    const answer = await fetch(`http://${address}/api`);

    expect(answer.status).toBe(502);
    expect(await answer.text()).toContain('127.0.0.1:9: ');
  });

  test('built to fail, they answer a share of the requests with 500, after so many, and say that they are healthy', async () => {
    await using shop = await openShop('1.2.3', { kind: 'failing', share: 0.5, after: 3 });
    const { address } = await shop.serve('web');

    // One was asked by the start.
    expect(await statuses(`http://${address}/`, 8)).toEqual([200, 200, 200, 500, 200, 500, 200, 500]);
    expect(await statuses(`http://${address}/health`, 3)).toEqual([200, 200, 200]);
  });

  test('built sick, or told to be by their container, they serve and say that they are not healthy', async () => {
    await using sick = await openShop('1.2.3', { kind: 'sick', after: 0 });
    await using told = await openShop('1.2.3');
    const env = { SHOP_FAULT: '{"kind":"sick","after":0}' };
    for (const { address } of [await sick.serve('web'), await told.serve('web', env)]) {
      expect(await statusOf(`http://${address}/`)).toBe(200);
      expect(await statusOf(`http://${address}/health`)).toBe(503);
    }
  });

  test('fall ill once they have had so many requests', async () => {
    await using shop = await openShop('1.2.3', { kind: 'sick', after: 3 });
    const { address } = await shop.serve('web');

    const before = await statusOf(`http://${address}/health`);
    await statuses(`http://${address}/`, 2);

    expect([before, await statusOf(`http://${address}/health`)]).toEqual([200, 503]);
  });

  test('are not healthy without the key that they were promised, and never show it', async () => {
    await using shop = await openShop('1.2.3');
    const folder = await mkdtemp(join(tmpdir(), 'refit-key-'));
    const key = join(folder, 'key.pem');
    const { address } = await shop.serve('web', { TLS_KEY: key });

    const before = await statusOf(`http://${address}/health`);
    await writeFile(key, '-----BEGIN SAMPLE KEY-----\nhidden\n');
    const after = await fetch(`http://${address}/health`);
    await rm(folder, { recursive: true });

    expect([before, after.status]).toEqual([503, 200]);
    expect(await after.text()).not.toContain('hidden');
  });

  test('asked to stop, they finish what runs and end with 0', async () => {
    await using shop = await openShop('1.2.3');
    const { address, part } = await shop.serve('web');
    const slow = fetch(`http://${address}/slow?ms=1000`);
    await eventually(async () => (await fetch(`http://${address}/`)).ok);

    part.send('SIGTERM');
    await eventually(async () => (await fetch(`http://${address}/`).catch(() => null)) === null);

    expect(part.hasEnded()).toBe(false);
    expect((await slow).status).toBe(200);
    await eventually(() => part.exitCode() === 0, { withinMs: END_MS });
  });
});

describe('the API of the shop', () => {
  test('without its database it answers with 503, and names the database', async () => {
    await using shop = await openShop('1.2.3');
    const { address } = await shop.serve('api', { DATABASE: '127.0.0.1:9' });

    const answer = await fetch(`http://${address}/health`);

    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ problem: 'no connection to the database at 127.0.0.1:9' });
  });

  test('waits for no database that does not answer', async () => {
    await using shop = await openShop('1.2.3');
    const silent = createServer().listen(0, '127.0.0.1');
    await eventually(() => silent.listening);
    const { address } = await shop.serve('api', { DATABASE: `127.0.0.1:${portOf(silent)}` });

    expect(await statusOf(`http://${address}/health`)).toBe(503);
    silent.close();
  });
});

describe('the tests of the shop', () => {
  test('pass where every server answers out of the slot, and show what they saw', async () => {
    await using shop = await openShop('1.2.3');
    const { address } = await shop.serve('web', GREEN);

    // Pages stand in for the API: both say who they are.
    const seen = await shop.run('check', { env: { ...GREEN, API: `${address},${address}` } });

    expect(seen).toMatchObject({ exitCode: 0 });
    expect(seen.output).toContain(`http://${address}/ 200 {"version":"1.2.3","slot":"green","host":"host-1"}`);
    expect(seen.output).toContain('4 requests to slot green, 0 failures');
  });

  test.each([
    ['a server of the other slot', { SLOT: 'blue' }, 'expected slot blue, got green'],
    ['a server of another version', { VERSION: '1.2.4' }, 'expected version 1.2.4, got 1.2.3'],
    ['a server that is not there', { WEB: '127.0.0.1:9' }, 'http://127.0.0.1:9/api: '],
    ['no server at all', { API: '' }, 'no server was named'],
    ['being told to', { CHECK_FAILS: '1' }, 'told to fail'],
  ])('fail for %s, and say so', async (_, env, said) => {
    await using shop = await openShop('1.2.3');
    const { address } = await shop.serve('web', GREEN);

    const { exitCode, output } = await shop.run('check', { env: { ...GREEN, API: address, ...env } });

    expect(exitCode).toBe(1);
    expect(output).toContain('FAILED ');
    expect(output).toContain(said);
  });
});

describe('the account data of the shop', () => {
  test.each(['{"name":"keeper","password":"hidden"}', '{"name":"keeper","password":hidden}', '{"name":"hidden"}'])(
    'says nothing of the account where it fails: %s',
    async (text) => {
      await using shop = await openShop('1.2.3');
      const folder = await mkdtemp(join(tmpdir(), 'refit-account-'));
      await writeFile(join(folder, 'account.json'), text);

      const env = { ACCOUNT: join(folder, 'account.json'), DATABASE: '127.0.0.1:9' };
      const { exitCode, output } = await shop.run('account', { env });
      await rm(folder, { recursive: true });

      expect(exitCode).toBe(1);
      expect(output).toContain('the account was not added: ');
      expect(output).not.toMatch(/hidden|keeper/);
    },
  );
});

import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { hostname } from 'node:os';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { startWeb, type TestWeb } from '../parts/web.ts';

/** A stop waits for what runs, and then for no longer than this; ms. A busy machine needs some of it to start a process. */
const END_MS = 5_000;

describe('the web server of the sample platform', () => {
  test('says its version, its host and its process', async () => {
    await using web = await startWeb('1.2.3');

    expect(await (await fetch(web.url)).json()).toEqual({ version: '1.2.3', host: hostname(), pid: web.part.pid });
    expect((await fetch(`${web.url}/health`)).status).toBe(200);
    expect((await fetch(`${web.url}/other`)).status).toBe(404);
    expect(await web.check()).toBe(0);
  });

  test.each([{ sick: true }, { env: { WEB_SICK: '1' } }, { env: { WEB_SICK: '1.2.3' } }])(
    'serves while it is not healthy: %j',
    async (how) => {
      await using web = await startWeb('1.2.3', how);

      expect((await fetch(web.url)).status).toBe(200);
      expect((await fetch(`${web.url}/health`)).status).toBe(503);
      expect(await web.check()).toBe(1);
    },
  );

  test('asked to stop, it finishes what runs, takes nothing new and ends with 0', async () => {
    await using web = await startWeb('1.2.3');
    const idle = new Agent({ keepAlive: true });
    await read(web, '/', idle);
    const slow = read(web, '/slow?ms=1000');
    await eventually(async () => (await fetch(web.url)).ok);

    web.part.send('SIGTERM');
    await eventually(async () => (await fetch(web.url).catch(() => null)) === null);

    expect(web.part.hasEnded()).toBe(false);
    expect(await slow).toMatchObject({ status: 200, connection: 'close' });
    await eventually(() => web.part.exitCode() === 0, { withinMs: END_MS });
    idle.destroy();
  });

  test('asked to stop, it waits for no client that only holds a connection', async () => {
    await using web = await startWeb('1.2.3');
    const idle = new Agent({ keepAlive: true });
    await read(web, '/', idle);

    web.part.send('SIGTERM');

    await eventually(() => web.part.exitCode() === 0, { withinMs: END_MS });
    idle.destroy();
  });
});

async function read({ url }: TestWeb, path: string, agent?: Agent): Promise<{ status: number; connection: string }> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${url}${path}`, agent === undefined ? {} : { agent }, resolve).on('error', reject);
  });
  answer.resume();
  await once(answer, 'end');
  return { status: answer.statusCode ?? 0, connection: String(answer.headers.connection) };
}

import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { EngineConnection } from '../../drivers/docker/connection.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function connect(listener: RequestListener): Promise<EngineConnection> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return new EngineConnection({ endpoint: `tcp://127.0.0.1:${port}`, tls: null }, 'host-1');
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('a request writes out nothing of the context in which it is made: an activity’s leads to all of the worker', async () => {
  const connection = await connect((_request, response) => response.end('{"answered":true}'));
  const request = { what: 'answer', method: 'GET', path: '/info', withinMs: 5_000 } as const;
  let timesShown = 0;
  const context = { [inspect.custom]: (): string => `shown ${(timesShown += 1)}` };

  const answer = await new AsyncLocalStorage<object>().run(context, () =>
    connection.ask({ ...request, signal: new AbortController().signal }),
  );

  expect(answer).toEqual({ answered: true });
  expect(timesShown).toBe(0);
});

const tar = Buffer.from(Array.from({ length: 4 * 1024 ** 2 }, (_, index) => index % 251));
const put = { what: 'put files', method: 'PUT', path: '/containers/web/archive', query: { path: '/' }, tar } as const;

test('a binary body arrives as it is, with its length and type', async () => {
  let seen: Pick<IncomingMessage, 'headers' | 'url'> | null = null;
  let isSame = false;
  const connection = await connect((request, response) => {
    seen = request;
    void bodyOf(request).then((body) => {
      isSame = body.equals(tar);
      response.end();
    });
  });

  await connection.ask({ ...put, withinMs: 10_000 });

  expect(isSame).toBe(true);
  expect(seen).toMatchObject({
    url: '/containers/web/archive?path=%2F',
    headers: { 'content-type': 'application/tar', 'content-length': String(tar.length) },
  });
});

test('a binary body that nobody takes ends at its time', async () => {
  const connection = await connect((request) => request.pause());

  await expect(connection.ask({ ...put, withinMs: 300 })).rejects.toMatchObject({ kind: 'deadline' });
});

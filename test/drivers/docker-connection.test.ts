import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { EngineConnection } from '../../drivers/docker/connection.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

test('a request writes out nothing of the context in which it is made: an activity’s leads to all of the worker', async () => {
  const server = createServer((_request, response) => response.end('{"answered":true}'));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connection = new EngineConnection({ endpoint: `tcp://127.0.0.1:${port}`, tls: null }, 'host-1');
  const request = { what: 'answer', method: 'GET', path: '/info', withinMs: 5_000 } as const;
  let timesShown = 0;
  const context = { [inspect.custom]: (): string => `shown ${(timesShown += 1)}` };

  const answer = await new AsyncLocalStorage<object>().run(context, () =>
    connection.ask({ ...request, signal: new AbortController().signal }),
  );

  expect(answer).toEqual({ answered: true });
  expect(timesShown).toBe(0);
});

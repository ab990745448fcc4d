import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { findPortsInUse, readPorts } from '../../agent/ports-in-use.ts';
import { containing } from '../matching.ts';
import { freePorts, portOf } from '../parts/free-ports.ts';

const servers: Server[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(host: string): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: 0, ipv6Only: true }, resolve);
  });
  return portOf(server);
}

describe('ports in use', () => {
  test('a port is in use when somebody listens on any address of the host', async () => {
    const everywhere = await listen('0.0.0.0');
    const loopback = await listen('127.0.0.1');
    const [free = 0] = await freePorts(1);

    expect(await findPortsInUse([everywhere, free, loopback])).toEqual([
      { port: everywhere, why: 'EADDRINUSE' },
      { port: loopback, why: 'EADDRINUSE' },
    ]);
  });

  test('a port is in use when somebody listens on it by IPv6 alone', async (context) => {
    const port = await listen('::1').catch(() => null);
    if (port === null) return context.skip('this machine has no IPv6');

    expect(await findPortsInUse([port])).toEqual([{ port, why: 'EADDRINUSE' }]);
  });

  test('a port that was tried is free again', async () => {
    const ports = await freePorts(3);

    expect(await findPortsInUse(ports)).toEqual([]);
    expect(await findPortsInUse(ports)).toEqual([]);
  });
});

describe('ports that are asked for', () => {
  test('are read once each, in their order', () => {
    expect(readPorts('8081, 8080,8081,65535')).toEqual({ ok: true, ports: [8081, 8080, 65_535] });
  });

  test.each(['', '8080,', 'http', '0', '65536', '080', '-1', '8080;8081', '1e3', '99999999999999999999'])(
    '"%s" is refused with the word that is wrong',
    (text) => {
      expect(readPorts(text)).toMatchObject({ ok: false, problem: containing('got "') });
    },
  );

  test('are at most 128', () => {
    const upTo = (count: number): string => Array.from({ length: count }, (_, index) => index + 1).join(',');

    expect(readPorts(upTo(128))).toMatchObject({ ok: true });
    expect(readPorts(upTo(129))).toMatchObject({ ok: false, problem: 'expected at most 128 ports, got 129' });
  });
});

describe('the program', () => {
  const main = join(import.meta.dirname, '../../agent/main.ts');
  const run = (ports: string): Promise<{ readonly stdout: string }> =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', main, 'ports'], {
      env: { ...process.env, REFIT_PORTS: ports },
    });

  test('says which are in use in one line of JSON', async () => {
    const port = await listen('0.0.0.0');
    const [free = 0] = await freePorts(1);

    const { stdout } = await run(`${free},${port}`);

    expect(stdout).toBe(`{"inUse":[{"port":${port},"why":"EADDRINUSE"}]}\n`);
  });

  test('refuses nonsense with exit code 2 and says what it expected', async () => {
    await expect(run('web')).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'REFIT_PORTS: expected ports from 1 to 65535 such as 8080,8081, got "web"\n',
    });
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hostBoot } from '../../agent/boot.ts';
import { mustRun, runCommand } from '../../agent/commands.ts';
import { readPackages } from '../../agent/dpkg-status.ts';
import { readFacts } from '../../agent/facts.ts';
import { placesUnder } from '../../agent/places.ts';
import { hostProbes } from '../../agent/probes.ts';
import { parseHostFacts } from '../../drivers/bus-values.ts';
import { write } from './test-host.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-host-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const status = `Package: sample-daemon
Status: install ok installed
Architecture: amd64
Version: 1:1.0.0-1
Description: a daemon
 Package: not-a-field

Package: removed
Status: deinstall ok config-files
Architecture: amd64
Version: 3

Package: sample-daemon-extra
Status: install ok installed
Version: 7
`;

describe('facts', () => {
  test('name what is installed, and whether there is a way back', () => {
    write(join(folder, 'var/lib/dpkg/status'), status);
    write(join(folder, 'var/cache/apt/archives/sample-daemon_1%3a1.0.0-1_amd64.deb'), '');
    write(
      join(folder, 'var/lib/refit/installed.json'),
      JSON.stringify({ name: 's', version: '1.0.0', digest: `sha256:${'a'.repeat(64)}` }),
    );
    const options = {
      agent: null,
      phase: 'idle',
      packages: ['sample-daemon', 'sample-daemon-extra', 'removed', 'absent'],
      drift: () => [],
    } as const;

    const facts = readFacts(placesUnder(folder), options);

    expect(facts.packages).toEqual({
      'sample-daemon': { version: '1:1.0.0-1', restorable: true },
      'sample-daemon-extra': { version: '7', restorable: false },
    });
    expect(facts.installed?.version).toBe('1.0.0');
    expect(facts.diskFreeBytes).toBeGreaterThan(0);
    expect(parseHostFacts(JSON.stringify(facts))).toMatchObject({ ok: true });
  });

  test('can be read of a host that has nothing of refit, nor dpkg', () => {
    const facts = readFacts(placesUnder(folder), { agent: null, phase: 'idle', packages: ['x'], drift: () => [] });

    expect(facts).toMatchObject({ installed: null, packages: {} });
  });

  test('a package’s fields are its own, not those of a neighbour whose name begins the same', () => {
    write(join(folder, 'var/lib/dpkg/status'), status);

    const found = readPackages(folder, new Set(['sample-daemon', 'removed']));

    expect(found.get('sample-daemon')).toEqual({
      status: 'install ok installed',
      version: '1:1.0.0-1',
      architecture: 'amd64',
    });
    expect(found.get('removed')?.status).toBe('deinstall ok config-files');
  });
});

describe('probes', () => {
  const { signal } = new AbortController();
  let server: Server;
  let port: number;
  beforeEach(async () => {
    server = createServer((request, response) => {
      response.statusCode = request.url === '/sick' ? 503 : 200;
      response.end('version 2.0.0');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  afterEach(() => server.close());
  const http = (path: string, contains: string | null) =>
    ({ type: 'http', url: `http://127.0.0.1:${port}${path}`, status: 200, contains }) as const;

  test('http looks at status and body', async () => {
    expect(await hostProbes.check(http('/', 'version 2'), signal)).toBeNull();
    expect(await hostProbes.check(http('/sick', null), signal)).toContain('answered 503, expected 200');
    expect(await hostProbes.check(http('/', 'version 3'), signal)).toContain('answered without "version 3"');
  });

  test('tcp connects, and says why when it can’t', async () => {
    expect(await hostProbes.check({ type: 'tcp', host: '127.0.0.1', port }, signal)).toBeNull();
    server.close();
    server.closeAllConnections();
    expect(await hostProbes.check({ type: 'tcp', host: '127.0.0.1', port: 1 }, signal)).toContain('ECONNREFUSED');
  });

  test('exec goes by the exit code and quotes what was said', async () => {
    expect(await hostProbes.check({ type: 'exec', command: ['true'] }, signal)).toBeNull();
    expect(await hostProbes.check({ type: 'exec', command: ['sh', '-c', 'echo sick; exit 4'] }, signal)).toContain(
      'exited with 4: sick',
    );
    expect(await hostProbes.check({ type: 'exec', command: ['/no/such'] }, signal)).toContain('could not be started');
  });
});

describe('a boot', () => {
  test('keeps its id for all agents of it, and another boot has another', () => {
    const places = placesUnder(folder);
    const [first, second] = [hostBoot(places).bootId(), hostBoot(places).bootId()];
    rmSync(join(folder, 'run'), { recursive: true });

    expect(second).toBe(first);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(hostBoot(places).bootId()).not.toBe(first);
  });
});

describe('commands', () => {
  test('end with their exit code and bounded output', async () => {
    const end = await runCommand(['sh', '-c', 'yes | head -c 100000; echo end; exit 3'], { timeoutMs: 5_000 });

    expect(end.exitCode).toBe(3);
    expect(end.stdout.length).toBeLessThanOrEqual(2_048);
    expect(end.stdout.endsWith('end\n')).toBe(true);
  });

  test('stop with their signal', async () => {
    const stop = new AbortController();
    const running = runCommand(['sleep', '60'], { timeoutMs: 60_000, signal: stop.signal });
    stop.abort();

    await expect(running).rejects.toThrow('sleep 60 was stopped');
  });

  test('do not wait for a child that keeps their output open', async () => {
    const startedAt = performance.now();

    await mustRun(['sh', '-c', 'sleep 20 & exit 0'], { timeoutMs: 5_000 });

    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { isFreeOnLoopback } from '../../lab/ports.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../parts/free-ports.ts';

const program = join(import.meta.dirname, '..', '..', 'bin', 'refit.mjs');
/** Longest until Temporal and the worker are up; ms. The worker bundles its workflows first. */
const UP_MS = 50_000;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-dev-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

async function writeFleet(temporal: string): Promise<string> {
  const file = join(folder, 'fleet.yaml');
  const text = [
    'fleet: dev',
    'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]',
    'etcd: { endpoints: ["http://127.0.0.1:1"] }',
    `temporal: ${temporal}`,
  ];
  await writeFile(file, text.join('\n'));
  return file;
}

/** `refit dev` from a folder that is no checkout, as somebody's own fleet is. */
function startDev(fleetFile: string, ...argv: readonly string[]) {
  const env = { REFIT_FLEET: '', TEMPORAL_ADDRESS: undefined };
  const child = execa(process.execPath, [program, 'dev', '--fleet', fleetFile, ...argv], {
    ...{ cwd: folder, env, reject: false },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const isUp = async (): Promise<unknown> =>
    eventually(() => text.includes('next, in another shell: refit fleet'), { withinMs: UP_MS, everyMs: 50 });
  return { child, isUp, text: () => text, pid: () => Number(/^worker .*"pid":(\d+)/m.exec(text)?.[1]) };
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe('Temporal, a worker and the API for your own fleet', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('come up together, and both end on %s', async (signal) => {
    const [port = 0, uiPort = 0] = await freePorts(2);
    const fleet = await writeFleet(`{ address: "127.0.0.1:${port}", ui: "http://127.0.0.1:${uiPort}" }`);
    const dev = startDev(fleet, '--json');
    await dev.isUp();

    const ui = `http://127.0.0.1:${uiPort}`;
    expect(dev.text()).toMatch(/^temporal \| /m);
    expect(dev.text()).toMatch(/^worker \| .*worker started/m);
    expect(dev.text()).toMatch(/^api \| .*api started/m);
    expect(dev.text()).toContain(`Temporal's Web UI is ${ui}`);
    dev.child.kill(signal);
    const { exitCode, stdout } = await dev.child;

    expect(exitCode).toBe(0);
    const url: unknown = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    const api = { url, tokenFile: join(folder, '.refit/api/admin.token') };
    expect(JSON.parse(stdout)).toEqual({
      fleet: 'dev',
      temporal: { address: `127.0.0.1:${port}`, ui, started: true },
      api,
    });
    expect((await stat(api.tokenFile)).mode & 0o777).toBe(0o600);
    expect(dev.text()).not.toContain((await readFile(api.tokenFile, 'utf8')).trim());
    expect(dev.text()).toContain('worker ended');
    expect(dev.text()).toContain('api ended');
    expect(isAlive(dev.pid())).toBe(false);
    expect(await Promise.all([port, uiPort].map(isFreeOnLoopback))).toEqual([true, true]);
    expect(existsSync(join(folder, '.refit', 'dev', 'temporal.db'))).toBe(true);
  });

  it('end with 3 when one of them dies, and say which', async () => {
    const [port = 0, uiPort = 0] = await freePorts(2);
    const fleet = await writeFleet(`{ address: "localhost:${port}", ui: "http://127.0.0.1:${uiPort}" }`);
    const dev = startDev(fleet);
    await dev.isUp();

    process.kill(dev.pid(), 'SIGKILL');
    const { exitCode, stderr } = await dev.child;

    expect(exitCode).toBe(3);
    expect(stderr).toContain('worker ended (SIGKILL)');
    expect(await isFreeOnLoopback(port)).toBe(true);
  });

  it('end even when the command itself is killed', async () => {
    const [port = 0, uiPort = 0] = await freePorts(2);
    const fleet = await writeFleet(`{ address: "127.0.0.1:${port}", ui: "http://127.0.0.1:${uiPort}" }`);
    const dev = startDev(fleet);
    await dev.isUp();

    dev.child.kill('SIGKILL');

    await eventually(() => !isAlive(dev.pid()), { withinMs: 20_000 });
    await eventually(() => isFreeOnLoopback(port), { withinMs: 20_000 });
  });

  it('use a Temporal that answers already, say so, and leave it there', async () => {
    const address = inject('temporalAddress');
    const dev = startDev(await writeFleet(`{ address: "${address}" }`));
    await dev.isUp();

    dev.child.kill('SIGTERM');

    expect((await dev.child).exitCode).toBe(0);
    expect(dev.text()).toContain(`temporal at ${address} answers already and is used`);
    expect(dev.text()).not.toContain('temporal | ');
    await (await Connection.connect({ address })).close();
  });

  it('are not started where Temporal is another machine’s and does not answer', async () => {
    const dev = startDev(await writeFleet('{ address: "127.0.0.2:1" }'));

    const { exitCode, stderr } = await dev.child;

    expect(exitCode).toBe(3);
    expect(stderr).toContain('temporal at 127.0.0.2:1 does not answer');
  });
});

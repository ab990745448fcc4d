import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../../eventually.ts';

const program = join(import.meta.dirname, '..', '..', '..', 'bin', 'refit.mjs');
/** Longest until an API answers; ms. It loads its clients first. */
const UP_MS = 60_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-api-command-'));
  const lines = ['fleet: site-a', 'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]'];
  await writeFile(join(folder, 'fleet.yaml'), [...lines, 'etcd: { endpoints: ["http://127.0.0.1:1"] }'].join('\n'));
  await writeFile(
    join(folder, 'api.yaml'),
    'listen: 127.0.0.1:0\nfleets: [fleet.yaml]\ntokensFile: tokens.json\nauditFile: audit\n',
  );
});
afterAll(() => rm(folder, { recursive: true }));

function refit(...argv: readonly string[]) {
  const env = { REFIT_API_CONFIG: join(folder, 'api.yaml'), REFIT_FLEET: '', REFIT_API_URL: '' };
  return execa(process.execPath, [program, ...argv], { cwd: folder, env, reject: false });
}

test('an API is served until it is asked to end, and a token made meanwhile is good at once, until it is revoked', async () => {
  const api = refit('api', '--json');
  let stdout = '';
  api.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const { url } = await eventually(() => JSON.parse(stdout) as { url: string }, { withinMs: UP_MS });
  const created = await refit('token', 'create', 'anna', '--role', 'viewer');
  const authorization = `Bearer ${created.stdout}`;
  const ask = async (): Promise<Response> => fetch(`${url}/v1/fleets`, { headers: { authorization } });

  expect(await (await ask()).json()).toEqual({ fleets: [{ fleet: 'site-a', href: '/v1/fleets/site-a' }] });
  const listed = await refit('token', 'list', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject({ tokens: [{ name: 'anna', role: 'viewer', fleets: 'all' }] });
  expect(listed.stdout).not.toContain(created.stdout);
  expect((await refit('token', 'revoke', 'anna')).exitCode).toBe(0);
  expect((await ask()).status).toBe(403);
  api.kill('SIGTERM');

  expect(await api).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('api ended') as string });
});

test('wrong input ends with 2, and says what was expected', async () => {
  const [role, revoke, listen] = await Promise.all([
    refit('token', 'create', 'anna', '--role', 'king'),
    refit('token', 'revoke', 'nobody'),
    refit('api', '--listen', '0.0.0.0:7280'),
  ]);

  expect([role.exitCode, revoke.exitCode, listen.exitCode]).toEqual([2, 2, 2]);
  expect(role.stderr).toContain('viewer, operator, admin');
  expect(revoke.stderr).toContain('has no token nobody');
  expect(listen.stderr).toContain('tokens would cross the network in the clear');
});

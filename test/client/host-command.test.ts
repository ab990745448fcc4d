import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../../bin/refit.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'refit-host-'));
const reference = 'registry.lab:5000/sample:2.0.0';

beforeAll(() => {
  const text = [
    'fleet: nowhere',
    'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]',
    'etcd: { endpoints: ["http://127.0.0.1:1"] }',
  ];
  writeFileSync(join(folder, 'fleet.yaml'), text.join('\n'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function refit(...argv: readonly string[]): Promise<{ exitCode: number | undefined; out: string; err: string }> {
  const env = { REFIT_FLEET: join(folder, 'fleet.yaml'), REFIT_DEBUG: undefined, NO_COLOR: '1' };
  const ran = await execa(process.execPath, [program, 'host', ...argv], { cwd: folder, env, reject: false });
  return { exitCode: ran.exitCode, out: ran.stdout, err: ran.stderr };
}

test.each([['upgrade'], ['rollback']])('refit host %s has examples, and --local has to be said', async (name) => {
  const help = await refit(name, '--help');
  const without = await refit(name, reference);

  expect(help.exitCode).toBe(0);
  expect(help.out).toContain(`refit host ${name} --local registry.lab:5000/sample:2.0.0`);
  expect(without.exitCode).toBe(2);
  expect(without.err).toContain('--local');
});

test.each([
  ['both --host and --engine', ['--host', 'host-1', '--engine', 'tcp://127.0.0.1:1'], 'give one of them'],
  ['a host that the fleet file does not have', ['--host', 'host-9'], 'it has: host-1'],
  ['an engine that is none', ['--engine', 'host-1'], 'expected an engine such as'],
])('%s is wrong input', async (_, options, says) => {
  const { exitCode, err } = await refit('upgrade', '--local', reference, ...options);

  expect(exitCode).toBe(2);
  expect(err).toContain(says);
});

test('a text that is no image is wrong input', async () => {
  const { exitCode, err } = await refit('upgrade', '--local', 'sample', '--host', 'host-1');

  expect(exitCode).toBe(2);
  expect(err).toContain('expected an image');
});

test.each([[['--host', 'host-1']], [['--engine', 'tcp://127.0.0.1:1']]])(
  'an engine that does not answer (%j) is told apart, in one document for programs',
  async (options) => {
    const { exitCode, out } = await refit('upgrade', '--local', reference, ...options, '--json');

    expect(exitCode).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ exitCode: 3, error: expect.stringContaining('127.0.0.1:1') as string });
  },
);

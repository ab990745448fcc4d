import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, type Options } from 'execa';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../bin/refit.mjs', import.meta.url));
/** A folder without a fleet file in it or above. */
const nowhere = mkdtempSync(join(tmpdir(), 'refit-client-'));

/** A fleet whose services are on ports where nothing listens. */
function writeFleet(): string {
  const file = join(nowhere, 'fleet.yaml');
  const text = [
    'fleet: nowhere',
    'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]',
    'etcd: { endpoints: ["http://127.0.0.1:1"], hostEndpoints: ["http://127.0.0.1:1"] }',
    'registries: { "registry.lab:5000": { endpoint: "http://127.0.0.1:1" } }',
    'temporal: { address: "127.0.0.1:1", namespace: default, ui: "http://127.0.0.1:2" }',
  ];
  writeFileSync(file, text.join('\n'));
  return file;
}

type Ran = { readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string };

async function refit(argv: readonly string[], options: Options = {}): Promise<Ran> {
  const env = { REFIT_FLEET: '', REFIT_DEBUG: undefined, TEMPORAL_ADDRESS: undefined, NO_COLOR: '1' };
  const ran = await execa(process.execPath, [program, ...argv], { cwd: nowhere, env, reject: false, ...options });
  return { exitCode: ran.exitCode, stdout: String(ran.stdout), stderr: String(ran.stderr) };
}

describe('the command line', () => {
  it('lists every command, examples and exit codes in its help, and is done', async () => {
    const { exitCode, stdout } = await refit(['--help']);

    expect(exitCode).toBe(0);
    for (const name of [
      'upgrade',
      'upgrades',
      'plan',
      'pause',
      'rollback',
      'retry',
      'fleet',
      'release',
      'worker',
      'dev',
      'lab',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    }
    expect(stdout).toContain('Exit codes: 0 done');
  });

  it.each([
    ['upgrade'],
    ['upgrades', 'show'],
    ['upgrades', 'watch'],
    ['upgrades', 'history'],
    ['plan'],
    ['pause'],
    ['approve'],
    ['retry'],
    ['fleet', 'status'],
    ['dev'],
  ])('has examples in the help of %s %s', async (...argv) => {
    const { exitCode, stdout } = await refit([...argv, '--help']);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:\n  refit ');
    expect(stdout).toContain('--json');
    expect(stdout).toContain('--fleet <file>');
  });

  it.each([
    ['an unknown command', ['upgrad', 'x'], 'unknown command'],
    ['an unknown option', ['fleet', '--bogus'], "unknown option '--bogus'"],
    ['a missing argument', ['upgrade'], "missing required argument 'reference'"],
    ['an argument too many', ['upgrades', 'show', 'a', 'b'], 'too many arguments'],
    ['a bad option value', ['upgrade', 'x:1', '--waves', '0'], 'A wave has at least one host.'],
    ['an id that can be none', ['pause', 'Lab 1'], 'expected an upgrade name'],
    ['options that contradict each other', ['plan', 'x:1', '--install', 'serial', '--waves', '1'], '--install waves'],
    ['no fleet file', ['fleet'], 'expected this file in'],
    ['no fleet file to serve', ['dev'], 'expected this file in'],
  ])('refuses %s as wrong input', async (_, argv, message) => {
    const { exitCode, stdout, stderr } = await refit(argv);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('says in one document, too, what was wrong when asked for JSON', async () => {
    const { exitCode, stdout } = await refit(['--json', 'fleet', '--bogus']);

    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: "error: unknown option '--bogus'", exitCode: 2 });
  });

  it.each([
    ['Temporal', ['upgrades'], 'temporal at 127.0.0.1:1 does not answer'],
    ['etcd', ['fleet', 'status', '--json'], 'etcd at http://127.0.0.1:1 does not answer'],
    ['the registry', ['plan', 'registry.lab:5000/sample:2.0.0'], 'registry.lab:5000'],
  ])('says that %s can’t be reached, where, and ends with 3', async (_, argv, message) => {
    const { exitCode, stderr } = await refit(argv, { env: { REFIT_FLEET: writeFleet() } });

    expect(stderr).toContain(message);
    expect(exitCode).toBe(3);
  });

  it('takes the fleet file before and after the command', async () => {
    for (const argv of [
      ['--fleet', '/no/such', 'fleet'],
      ['fleet', 'status', '--fleet', '/no/such'],
    ]) {
      expect((await refit(argv)).stderr).toContain('/no/such');
    }
  });
});

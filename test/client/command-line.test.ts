import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa, type Options } from 'execa';
import { describe, expect, it } from 'vitest';
import { sample } from '../nightly.ts';

const program = fileURLToPath(new URL('../../bin/refit.mjs', import.meta.url));
/** A folder without a fleet file in it or above. */
const nowhere = mkdtempSync(join(tmpdir(), 'refit-client-'));

/** A file that says of itself what it is not. */
const noPlan = join(nowhere, 'no-plan.json');
writeFileSync(noPlan, '{ "v": 7 }');

/** A fleet whose services are on ports where nothing listens. */
function writeFleet(): string {
  const file = join(nowhere, 'fleet.yaml');
  const text = [
    'fleet: nowhere',
    'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]',
    'etcd: { endpoints: ["http://127.0.0.1:1"], hostEndpoints: ["http://127.0.0.1:1"] }',
    'registries: { "registry.lab:5000": { endpoint: "http://127.0.0.1:1" } }',
    'loadBalancers: [{ name: edge, type: haproxy, endpoint: "tcp://127.0.0.1:2" }]',
    'units:',
    '  - name: shop',
    '    balancer:',
    '      loadBalancer: edge',
    '      map: /etc/haproxy/shop.map',
    '      frontends: [{ service: web, backend: "shop-web-{slot}" }]',
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
  it('ends without a word when nobody reads what it says any more', async () => {
    const piped = `(${process.execPath} ${program} --help; echo "$?" >&2) | :`;

    const { stderr } = await execa('sh', ['-c', piped], { cwd: nowhere });

    expect(stderr).toBe('141');
  });

  it('lists every command, examples and exit codes in its help, and is done', async () => {
    const { exitCode, stdout } = await refit(['--help']);

    expect(exitCode).toBe(0);
    for (const name of [
      'upgrade',
      'upgrades',
      'container',
      'service',
      'unit',
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

  it.each(
    sample(
      'commands with help',
      [
        'upgrade',
        'upgrades show',
        'upgrades watch',
        'upgrades history',
        'container upgrade',
        'service upgrade',
        'service status',
        'service rollback',
        'unit upgrade',
        'unit status',
        'unit approve',
        'unit delete-standby',
        'plan',
        'pause',
        'approve',
        'rollback',
        'retry',
        'fleet status',
        'dev',
      ],
      6,
    ),
  )('has examples in the help of %s', async (command) => {
    const { exitCode, stdout } = await refit([...command.split(' '), '--help']);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('Examples:\n  refit ');
    expect(stdout).toContain('--json');
    expect(stdout).toContain('--fleet <file>');
  });

  it.each(
    sample(
      'wrong inputs',
      [
        ['an unknown command', ['upgrad', 'x'], 'unknown command'],
        ['an unknown option', ['fleet', '--bogus'], "unknown option '--bogus'"],
        ['a missing argument', ['plan'], "missing required argument 'reference'"],
        ['an upgrade to nothing', ['upgrade'], 'or give --plan FILE'],
        ['a plan and a release', ['upgrade', 'x:1', '--plan', 'p.json'], 'leave out x:1'],
        [
          'a plan and a policy',
          ['upgrade', '--plan', 'p.json', '--step', '--id', 'a'],
          'leave out --step, or plan again',
        ],
        ['a plan that is not there', ['upgrade', '--plan', 'no-such.json'], 'no-such.json'],
        ['a file that is no plan', ['upgrade', '--plan', noPlan], `${noPlan}:1:3: v: expected 1, got 7`],
        [
          'an answer about edited files that there is not',
          ['retry', 'lab-1', 'host-1', '--edited', 'merge'],
          'keep, replace',
        ],
        ['an argument too many', ['upgrades', 'show', 'a', 'b'], 'too many arguments'],
        ['a bad option value', ['upgrade', 'x:1', '--waves', '0'], 'A wave has at least one host.'],
        ['an id that can be none', ['pause', 'Lab 1'], 'expected an upgrade name'],
        [
          'options that contradict each other',
          ['plan', 'x:1', '--install', 'serial', '--waves', '1'],
          '--install waves',
        ],
        [
          'an option where a host is due',
          ['container', 'upgrade', '--bogus', 'h', 'c', 'x:1'],
          "unknown option '--bogus'",
        ],
        ['an unknown option of a service', ['service', 'upgrade', 'web', 'x:1', '--bogus'], "unknown option '--bogus'"],
        ['a name that no service has', ['service', 'status', 'My Web'], 'expected a service name'],
        [
          'an error rate of a unit that is none',
          ['unit', 'upgrade', 'shop', 'x:1', '--max-error-rate', '2'],
          'or none',
        ],
        ['a name that no unit has', ['unit', 'delete-standby', 'My Shop'], 'expected a unit name'],
        ['no fleet file', ['fleet'], 'expected this file in'],
        ['no fleet file to serve', ['dev'], 'expected this file in'],
      ],
      8,
    ),
  )('refuses %s as wrong input', async (_, argv, message) => {
    const { exitCode, stdout, stderr } = await refit(argv);

    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('says in one document, too, what was wrong when asked for JSON', async () => {
    const { exitCode, stdout } = await refit(['--json', 'fleet', '--bogus']);

    expect(exitCode).toBe(2);
    expect(JSON.parse(stdout)).toEqual({ error: "error: unknown option '--bogus'", exitCode: 2 });
  });

  it.each(
    sample(
      'what is not reached',
      [
        ['Temporal', ['upgrades'], 'temporal at 127.0.0.1:1 does not answer'],
        ['etcd', ['fleet', 'status', '--json'], 'etcd at http://127.0.0.1:1 does not answer'],
        ['the registry', ['plan', 'registry.lab:5000/sample:2.0.0'], 'registry.lab:5000'],
        [
          'Temporal for a container',
          ['container', 'rollback', 'host-1', 'db'],
          'temporal at 127.0.0.1:1 does not answer',
        ],
        ['Temporal for a service', ['service', 'pause', 'web'], 'temporal at 127.0.0.1:1 does not answer'],
        ['an engine', ['service', 'status', 'web'], 'not seen: host host-1: '],
        ['Temporal for a unit', ['unit', 'rollback', 'shop'], 'temporal at 127.0.0.1:1 does not answer'],
        ['an engine for a unit', ['unit', 'status', 'shop'], 'not seen: host host-1: '],
        ['a unit’s load balancer', ['unit', 'status', 'shop'], '127.0.0.1:2'],
      ],
      4,
    ),
  )('says that %s can’t be reached, where, and ends with 3', async (_, argv, message) => {
    const { exitCode, stderr } = await refit(argv, { env: { REFIT_FLEET: writeFleet() } });

    expect(stderr).toContain(message);
    expect(exitCode).toBe(3);
  });

  it.each([
    ['host', ['container', 'upgrade', 'host-9', 'db', 'db:2'], 'fleet nowhere has no host host-9; its hosts: host-1'],
    ['container’s name', ['container', 'upgrade', 'host-1', '../db', 'db:2'], 'expected the name of a container'],
  ])('refuses a %s that can’t be, before it asks anybody', async (_, argv, message) => {
    const { exitCode, stderr } = await refit(argv, { env: { REFIT_FLEET: writeFleet() } });

    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
  });

  it('takes its own options also behind the words of a container’s command, until --', async () => {
    const fleet = ['--json', '--fleet', writeFleet()];
    const upgrade = ['container', 'upgrade', 'host-9', 'db', 'db:2'];

    const trailing = await refit([...upgrade, 'sh', '-c', 'exit 1', ...fleet]);
    const fenced = await refit([...upgrade, '--', 'sh', ...fleet]);

    expect(JSON.parse(trailing.stdout)).toMatchObject({ exitCode: 2 });
    expect(trailing.stderr).toContain('fleet nowhere has no host host-9');
    expect(fenced).toMatchObject({ exitCode: 2, stdout: '' });
    expect(fenced.stderr).toContain('expected this file in');
  });

  it('shows of a service what it can, and names what it could not see', async () => {
    const { exitCode, stdout } = await refit(['service', 'status', 'web', '--json'], {
      env: { REFIT_FLEET: writeFleet() },
    });

    expect(exitCode).toBe(3);
    const status: unknown = JSON.parse(stdout);
    expect(status).toMatchObject({ service: 'web', upgrade: null, members: [] });
    expect(JSON.stringify(status)).toContain('etcd at http://127.0.0.1:1 does not answer');
  });

  it('shows of a unit what it can, and names what it could not see', async () => {
    const { exitCode, stdout } = await refit(['unit', 'status', 'shop', '--json'], {
      env: { REFIT_FLEET: writeFleet() },
    });

    expect(exitCode).toBe(3);
    const status: unknown = JSON.parse(stdout);
    expect(status).toMatchObject({ unit: 'shop', active: null, upgrade: null, containers: [] });
    expect(status).toMatchObject({ balancer: { loadBalancer: 'edge', servers: [] } });
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

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHaproxy } from '../../drivers/haproxy/balancer.ts';
import { findMarked } from '../../lab/detached.ts';
import { openLab, type Lab } from '../../lab/lab.ts';
import type { LabStatus } from '../../lab/status.ts';
import { eventually } from '../eventually.ts';

/** A lab of its own: these tests break it on purpose. */
const LAB = 'labtest';

const program = join(import.meta.dirname, '../../bin/refit.mjs');

/** A stopped lab command says so long before. */
const COMMAND_DEADLINE_MS = 200_000;

/** etcd's client with what a host's agent shows it. */
const AS_HOST =
  'cd /etc/ssl/bus && ETCDCTL_API=3 etcdctl --endpoints https://host-1:2379 --cacert ca.pem --cert host.pem --key host-key.pem';

let folder: string;
let lab: Lab;

type Answer = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

async function refitLab(
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string } = {},
): Promise<Answer> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [program, 'lab', ...args], {
    cwd: options.cwd ?? folder,
    env: { REFIT_LAB: LAB },
    input: options.input ?? '',
    reject: false,
    timeout: COMMAND_DEADLINE_MS,
  });
  return { exitCode: exitCode ?? -1, stdout, stderr };
}

async function status(): Promise<LabStatus> {
  const { stdout, exitCode, stderr } = await refitLab(['status', '--json']);
  if (exitCode !== 0) throw new Error(`status ended with ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as LabStatus;
}

async function listed(command: readonly string[]): Promise<string> {
  return (await execa('docker', [...command, '--filter', `label=dev.refit.lab=${LAB}`, '--quiet'])).stdout;
}

/** What must not change while nothing is done: when each container started, and the processes. */
async function running(): Promise<unknown> {
  const containers = (await listed(['ps', '--no-trunc'])).split('\n').sort();
  const starts = await execa('docker', ['inspect', '--format', '{{.Id}} {{.State.StartedAt}}', ...containers]);
  return { starts: starts.stdout, processes: findMarked(lab.paths.folder) };
}

async function balancer(): Promise<NonNullable<LabStatus['balancer']>> {
  const found = (await status()).balancer;
  if (found === null) throw new Error('the lab has no load balancer');
  return found;
}

const webUrl = async (): Promise<string> => (await balancer()).url;

/** Each with its health, once all have been checked. */
async function servers(): Promise<readonly string[]> {
  const edge = createHaproxy(await balancer());
  const found = await eventually(async () => {
    const all = await edge.servers('web');
    return all.every(({ health }) => health === 'down' || health === 'up') && all;
  });
  return found.map(({ name, health }) => `${name} ${health}`);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-lab-'));
  lab = openLab(LAB, folder);
  const up = await refitLab(['up', '--hosts', '1', '--no-worker', '--secure']);
  expect(up, up.stderr).toMatchObject({ exitCode: 0 });
});

afterAll(async () => {
  await refitLab(['down']);
  await rm(folder, { recursive: true });
});

describe('a lab', () => {
  it('says how every part of it is', async () => {
    const found = await status();

    expect(found).toMatchObject({
      lab: LAB,
      hosts: [{ name: 'host-1', container: 'refit-labtest-host-1', state: 'running' }],
      registry: { name: 'registry.lab:5000', alive: true },
      balancer: { name: 'edge', alive: true },
      etcd: [{ name: 'host-1', healthy: true }],
      temporal: { alive: true },
      worker: { pid: null, alive: false },
    });
    expect((await refitLab(['status'])).stdout).toMatch(/^HOST .*\nhost-1 +running /);
  });

  it('lets nobody without a certificate of its authority speak to an engine or to etcd', async () => {
    const { hosts } = (await lab.state()) ?? { hosts: [] };
    const ports = hosts.flatMap(({ ports: { engine, etcd } }) => (etcd === null ? [engine] : [engine, etcd]));
    const ask = (url: string): Promise<unknown> => execa('curl', ['--silent', '--insecure', '--fail', url]);

    expect(ports).toHaveLength(2);
    for (const port of ports) {
      await expect(ask(`https://127.0.0.1:${port}/version`)).rejects.toThrow('curl');
      await expect(ask(`http://127.0.0.1:${port}/version`)).rejects.toThrow('curl');
    }
  });

  it('lets a host write its own report, and no order, not even its own', async () => {
    const put = (key: string): Promise<{ readonly exitCode: number; readonly stderr: string }> =>
      lab.exec('host-1', ['sh', '-c', `${AS_HOST} put /refit/v1/${LAB}/${key} x`]);

    expect((await put('hosts/host-1/report')).exitCode).toBe(0);
    for (const key of ['hosts/host-1/order', 'hosts/host-2/report', 'epoch', 'upgrades/one/hold']) {
      expect((await put(key)).stderr).toContain('permission denied');
    }
  });

  it('has a load balancer with a server for each member that its hosts can have, down while there is none', async () => {
    expect(await servers()).toEqual(['host-1-web-1 down', 'host-1-web-2 down']);
    expect((await fetch(await webUrl())).status).toBe(503);
  });

  it('is left alone when it is brought up again', async () => {
    const before = await running();

    const again = await refitLab(['up', '--no-worker']);

    expect(again.exitCode).toBe(0);
    expect(await running()).toEqual(before);
  });

  it('runs a command on a host with its input, output and exit code', async () => {
    const answer = await refitLab(['exec', 'host-1', '--', 'sh', '-c', 'cat; hostname; echo oops >&2; exit 7'], {
      input: 'hello\n',
    });

    expect(answer).toEqual({ exitCode: 7, stdout: 'hello\nhost-1', stderr: 'oops' });
    expect(await lab.exec('host-1', ['cat'], { input: 'by program' })).toEqual({
      exitCode: 0,
      stdout: 'by program',
      stderr: '',
    });
  });

  it('names its hosts to those who ask for another', async () => {
    const answer = await refitLab(['exec', 'host-9', '--', 'true']);

    expect(answer).toMatchObject({ exitCode: 2, stdout: '' });
    expect(answer.stderr).toContain('lab labtest has no host host-9; it has host-1');
  });

  it('has hosts with systemd, an engine that outlives its containers’ daemon, and nothing of refit', async () => {
    const engine = await lab.exec('host-1', ['docker', 'info', '--format', '{{.LiveRestoreEnabled}} {{.Driver}}']);
    const failed = await lab.exec('host-1', ['systemctl', '--failed', '--plain', '--no-legend']);
    const traces = await lab.exec('host-1', ['find', '/etc', '/opt', '/usr', '/var/lib', '-xdev', '-iname', '*refit*']);

    expect(engine.stdout).toBe('true overlay2');
    expect(failed.stdout).toBe('');
    expect(traces.stdout).toBe('');
  });

  it('has hosts that really restart, on the same ports, with their data', async () => {
    const before = await status();
    const boot = (await lab.exec('host-1', ['cut', '-d ', '-f22', '/proc/1/stat'])).stdout;
    await lab.exec('host-1', ['sh', '-c', 'echo kept > /var/lib/kept; echo lost > /run/lost']);

    await lab.exec('host-1', ['systemctl', 'reboot']);

    await eventually(
      async () => {
        expect((await lab.exec('host-1', ['cut', '-d ', '-f22', '/proc/1/stat'])).stdout).not.toBe(boot);
        expect(await status()).toEqual(before);
      },
      { withinMs: 60_000, everyMs: 200 },
    );
    expect((await lab.exec('host-1', ['sh', '-c', 'cat /var/lib/kept /run/lost'])).stdout).toBe('kept');
  });

  it('grows, and refuses to shrink', async () => {
    const grown = await refitLab(['up', '--hosts', '2', '--no-worker']);
    expect(grown, grown.stderr).toMatchObject({ exitCode: 0 });

    const shrunk = await refitLab(['up', '--hosts', '1', '--no-worker']);

    expect(shrunk.exitCode).toBe(2);
    expect(shrunk.stderr).toContain("can't shrink to 1");
    expect((await status()).hosts.map(({ name, state }) => `${name} ${state}`)).toEqual([
      'host-1 running',
      'host-2 running',
    ]);
    expect(await servers()).toEqual([
      'host-1-web-1 down',
      'host-1-web-2 down',
      'host-2-web-1 down',
      'host-2-web-2 down',
    ]);
    const health = 'curl -s --cacert ca.pem --cert host.pem --key host-key.pem https://host-1:2379/health';
    expect((await lab.exec('host-2', ['sh', '-c', `cd /etc/ssl/bus && ${health}`])).stdout).toContain('true');
  });

  it('is made whole again, with the same addresses, whatever of it has died', async () => {
    const before = await status();
    await lab.killTemporal();
    await execa('docker', ['stop', '--time', '0', lab.container('host-1')]);
    await execa('docker', ['rm', '--force', lab.container('host-2')]);
    await execa('docker', ['kill', lab.container('edge')]);
    expect((await status()).hosts.map(({ state }) => state)).toEqual(['exited', 'missing']);

    const up = await refitLab(['up', '--no-worker']);

    expect(up, up.stderr).toMatchObject({ exitCode: 0 });
    const after = await status();
    expect({ ...after, temporal: { ...after.temporal, pid: 0 } }).toEqual({
      ...before,
      temporal: { ...before.temporal, pid: 0 },
    });
  });

  it('belongs to one folder: another one can neither use nor remove it', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'refit-lab-'));

    const up = await refitLab(['up', '--no-worker'], { cwd: elsewhere });
    const down = await refitLab(['down'], { cwd: elsewhere });

    expect(up.exitCode).toBe(2);
    expect(up.stderr).toContain(`is up already from ${lab.paths.folder}`);
    expect(down.exitCode).toBe(2);
    expect((await status()).hosts).toHaveLength(2);
    await rm(elsewhere, { recursive: true });
  });

  it('leaves nothing behind when it is taken down, even when its state was lost', async () => {
    await rm(lab.paths.stateFile);

    const up = await refitLab(['up', '--no-worker']);
    expect(up.exitCode).toBe(2);
    expect(up.stderr).toContain('first run: refit lab down');
    expect(await refitLab(['down'])).toMatchObject({ exitCode: 0 });

    expect(await listed(['ps', '--all'])).toBe('');
    expect(await listed(['network', 'ls'])).toBe('');
    expect(await listed(['volume', 'ls'])).toBe('');
    expect(findMarked(lab.paths.folder)).toEqual([]);
    expect((await execa('ls', ['-A', folder])).stdout).toBe('');
    expect((await refitLab(['status'])).exitCode).toBe(3);
    expect((await refitLab(['down'])).exitCode).toBe(0);
  });
});

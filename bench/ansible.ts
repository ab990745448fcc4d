import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { summarize } from './statistics.ts';

/** Longest one play may take; measured, a host takes a quarter of a second. */
const PLAY_TIMEOUT_MS = 10 * 60_000;
const INSTALL_TIMEOUT_MS = 15 * 60_000;
/** Plays of each kind; the median counts, since two whole plays are subtracted to get a host's share. */
const PLAYS = 3;

export type AnsibleTimes = {
  readonly version: string;
  /** Whole play over all hosts, one after another; ms. */
  readonly rawMs: number;
  readonly moduleMs: number;
  /** The same over one host: what starting Ansible costs is in both. */
  readonly rawOneMs: number;
  readonly moduleOneMs: number;
};

/**
 * The same no-op by Ansible, one host after another without gathering facts, in the two ways that come nearest.
 * `raw` is the least it can do: one command on the host, through the engine. `copy` is what checks a file as refit's step
 * does; hosts without Python can't run it, so it runs on this machine, which spares Ansible the way to the host.
 */
export async function measureAnsible(
  hosts: readonly { readonly name: string; readonly container: string }[],
): Promise<AnsibleTimes> {
  const version = await ensureAnsible();
  const folder = await mkdtemp(join(tmpdir(), 'refit-bench-'));
  try {
    await writeFile(
      join(folder, 'hosts.ini'),
      hosts.map(({ name, container }) => `${name} container=${container}`).join('\n'),
    );
    await writeFile(
      join(folder, 'raw.yml'),
      play('ansible.builtin.raw: docker exec {{ container }} test -f /etc/refit-bench.conf'),
    );
    await writeFile(
      join(folder, 'copy.yml'),
      play(`ansible.builtin.copy: { content: "measured=yes\\n", dest: "${folder}/{{ inventory_hostname }}.conf" }`),
    );
    const one = ['--limit', hosts[0]?.name ?? ''];
    // The first play makes the files, so that the measured ones have nothing to do.
    await run(folder, 'copy.yml', []);
    return {
      version,
      rawMs: await median(() => run(folder, 'raw.yml', [])),
      moduleMs: await median(() => run(folder, 'copy.yml', [])),
      rawOneMs: await median(() => run(folder, 'raw.yml', one)),
      moduleOneMs: await median(() => run(folder, 'copy.yml', one)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const play = (task: string): string => `- hosts: all
  connection: local
  serial: 1
  gather_facts: false
  vars: { ansible_python_interpreter: /usr/bin/python3 }
  tasks:
    - ${task}
`;

async function median(play: () => Promise<number>): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < PLAYS; count += 1) times.push(await play());
  return summarize(times).median;
}

async function run(folder: string, playbook: string, options: readonly string[]): Promise<number> {
  const start = performance.now();
  await execa('ansible-playbook', ['-i', 'hosts.ini', playbook, ...options], {
    cwd: folder,
    timeout: PLAY_TIMEOUT_MS,
    env: { ANSIBLE_LOCALHOST_WARNING: 'false', ANSIBLE_NOCOWS: '1', LC_ALL: 'C.UTF-8' },
  });
  return performance.now() - start;
}

/** Uses the Ansible that is there, else Debian's. */
async function ensureAnsible(): Promise<string> {
  const found = await execa('ansible-playbook', ['--version'], { reject: false, env: { LC_ALL: 'C.UTF-8' } });
  if (found.exitCode === 0) return found.stdout.split('\n')[0] ?? '';
  process.stderr.write('bench: installing ansible-core to compare with (about 30 s)\n');
  const options = { timeout: INSTALL_TIMEOUT_MS, env: { DEBIAN_FRONTEND: 'noninteractive' } };
  await execa('apt-get', ['update', '-q'], options);
  await execa('apt-get', ['install', '-q', '-y', '--no-install-recommends', 'ansible-core'], options);
  const installed = await execa('ansible-playbook', ['--version'], { env: { LC_ALL: 'C.UTF-8' } });
  return installed.stdout.split('\n')[0] ?? '';
}

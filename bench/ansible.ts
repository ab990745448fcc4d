import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** Longest one play may take; measured, a host takes a quarter of a second. */
const PLAY_TIMEOUT_MS = 10 * 60_000;
const INSTALL_TIMEOUT_MS = 15 * 60_000;
/** Plays of each kind; each gives one time less than it has hosts. */
const PLAYS = 3;

export type AnsibleTimes = {
  readonly version: string;
  readonly raw: PlayTimes;
  readonly module: PlayTimes;
};

export type PlayTimes = {
  /** From one host's answer to the next one's, over all plays; ms. Starting Ansible is in none of them. */
  readonly perHost: readonly number[];
  /** Whole plays over all hosts; ms. */
  readonly whole: readonly number[];
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
    // The first play makes the files, so that the measured ones have nothing to do.
    await run(folder, 'copy.yml');
    return { version, raw: await plays(folder, 'raw.yml'), module: await plays(folder, 'copy.yml') };
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

async function plays(folder: string, playbook: string): Promise<PlayTimes> {
  const perHost: number[] = [];
  const whole: number[] = [];
  for (let count = 0; count < PLAYS; count += 1) {
    const play = await run(folder, playbook);
    whole.push(play.wholeMs);
    perHost.push(...play.answers.slice(1).map((at, index) => at - (play.answers[index] ?? at)));
  }
  return { perHost, whole };
}

/** `answers`: when each host's line came, since the start; ms. */
async function run(
  folder: string,
  playbook: string,
): Promise<{ readonly wholeMs: number; readonly answers: readonly number[] }> {
  const start = performance.now();
  const answers: number[] = [];
  const play = execa('ansible-playbook', ['-i', 'hosts.ini', playbook], {
    cwd: folder,
    timeout: PLAY_TIMEOUT_MS,
    env: { ANSIBLE_LOCALHOST_WARNING: 'false', ANSIBLE_NOCOWS: '1', LC_ALL: 'C.UTF-8' },
  });
  for await (const line of play) {
    if (/^(ok|changed): \[/.test(line)) answers.push(performance.now() - start);
  }
  await play;
  return { wholeMs: performance.now() - start, answers };
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

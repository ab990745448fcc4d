import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  MARK,
  end,
  findMarked,
  isAlive,
  kill,
  signal,
  startDetached,
  startTime,
  type Detached,
} from '../../lab/detached.ts';
import { eventually } from '../eventually.ts';

let folder: string;
const started: Detached[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-detached-'));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map(kill));
  await rm(folder, { recursive: true });
});

function start(script: string): Detached {
  const detached = startDetached({
    program: '/bin/sh',
    args: ['-c', script],
    log: join(folder, 'log'),
    cwd: folder,
    env: { [MARK]: folder },
  });
  started.push(detached);
  return detached;
}

const logged = async (text: string): Promise<boolean> => (await readFile(join(folder, 'log'), 'utf8')).includes(text);

describe('a process that the lab started', () => {
  it('runs on, with its output in the log', async () => {
    const detached = start('echo ready; exec sleep 100');

    await eventually(() => logged('ready'));

    expect(isAlive(detached)).toBe(true);
  });

  it('ends when asked to', async () => {
    const detached = start('echo ready; exec sleep 100');
    await eventually(() => logged('ready'));

    await end(detached);

    expect(isAlive(detached)).toBe(false);
  });

  it('is killed if it does not listen', async () => {
    const detached = start("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    await eventually(() => logged('ready'));

    await end(detached, 300);

    expect(isAlive(detached)).toBe(false);
  });

  it('ends also when it was suspended', async () => {
    const detached = start('echo ready; exec sleep 100');
    await eventually(() => logged('ready'));
    signal(detached, 'SIGSTOP');

    await end(detached);

    expect(isAlive(detached)).toBe(false);
  });

  it('is told from a later process that got its pid', () => {
    const other = { pid: process.pid, startedAt: '1' };

    expect(isAlive(other)).toBe(false);
    expect(() => signal(other, 'SIGKILL')).not.toThrow();
  });

  it('is found by its mark, also when nobody remembers its pid', async () => {
    const detached = start('echo ready; exec sleep 100');
    await eventually(() => logged('ready'));

    expect(findMarked(folder)).toEqual([detached]);
    expect(findMarked(`${folder}-other`)).toEqual([]);
  });

  it('that can not be started is reported', () => {
    const launch = { program: '/no/such/program', args: [], log: join(folder, 'log'), cwd: folder };

    expect(() => startDetached(launch)).toThrow(/no\/such\/program could not be started/);
  });
});

describe('the start time of a process', () => {
  const stat = (name: string, state: string): string =>
    `42 (${name}) ${state} 1 42 42 0 -1 4194560 ${'0 '.repeat(8)}20 0 1 0 8675 0 0`;

  it('is read behind a name with spaces and brackets', () => {
    expect(startTime(stat('a) b (c', 'S'))).toBe('8675');
  });

  it('is nothing for one that has ended and waits for its parent', () => {
    expect(startTime(stat('sh', 'Z'))).toBeUndefined();
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { underLock } from '../../lab/lock.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-lock-'));
  file = join(folder, 'run', 'lab.lock');
});

afterEach(() => rm(folder, { recursive: true }));

const silent = (): void => undefined;

describe('a lab command', () => {
  it('has the machine to itself', async () => {
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise(setImmediate);
      inside -= 1;
    };

    await Promise.all([1, 2, 3].map(() => underLock(file, silent, work)));

    expect(most).toBe(1);
    expect(await readdir(join(folder, 'run'))).toEqual([]);
  });

  it('says that it waits, once', async () => {
    const said: string[] = [];
    let release = silent;
    let held: Promise<void> = Promise.resolve();
    await new Promise<void>((inside) => {
      held = underLock(file, silent, () => {
        inside();
        return new Promise<void>((resolve) => (release = resolve));
      });
    });
    const say = (line: string): void => {
      said.push(line);
      release();
    };

    const waiting = underLock(file, say, () => Promise.resolve('done'));

    expect(await waiting).toBe('done');
    await held;
    expect(said).toEqual([`waiting for another lab command (process ${process.pid})`]);
  });

  it('lets the next one in when it fails', async () => {
    await expect(underLock(file, silent, () => Promise.reject(new Error('no disk')))).rejects.toThrow('no disk');

    expect(await underLock(file, silent, () => Promise.resolve('done'))).toBe('done');
  });

  it('does not wait for one that was killed', async () => {
    const child = spawn('/bin/true');
    await once(child, 'exit');
    await underLock(file, silent, () => writeFile(`${file}.kept`, ''));
    await writeFile(file, JSON.stringify({ pid: child.pid, startedAt: '1' }));

    expect(await underLock(file, silent, () => Promise.resolve('done'))).toBe('done');
  });
});

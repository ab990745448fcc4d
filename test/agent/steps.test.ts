import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { HostSteps, Json, StepPlace } from '../../agent/ports.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { Step } from '../../model/release.ts';
import { noEngine } from './fake-engine.ts';
import { releaseOf } from './states.ts';
import { countingStep, filesStep, me, write } from './test-host.ts';

let folder: string;
let places: Places;
const release = releaseOf('2');
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-steps-'));
  places = placesUnder(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place = (before: Json = null): StepPlace => ({
  host: me,
  release,
  upgrade: parseUpgradeId('up-1'),
  journal: 'j',
  index: 0,
  was: null,
  edited: null,
  before,
  signal: new AbortController().signal,
});
const source = (path: string, text: string): void => write(join(places.release(release.digest), path), text);

/** A step's whole way, there and back. */
async function goThereAndBack(steps: HostSteps, step: Step, between: () => void = () => undefined): Promise<void> {
  expect(await steps.check(step, place())).toBe(false);
  const before = await steps.capture(step, place());
  await steps.apply(step, place(before));
  expect(await steps.check(step, place(before))).toBe(true);
  expect((await steps.verify(step, place(before))).problem).toBeNull();
  between();
  await steps.undo(step, place(before));
  // Killed before its record was written: undone once more.
  await steps.undo(step, place(before));
  await steps.settle(step, place(before));
}

describe('files', () => {
  const steps = (): HostSteps => createHostSteps(places, noEngine);

  test('a new file and the folders made for it go again', async () => {
    source('a', 'new');

    await goThereAndBack(steps(), filesStep('f', { a: '/etc/deep/er/a' }), () => {
      expect(readFileSync(join(folder, 'etc/deep/er/a'), 'utf8')).toBe('new');
    });

    expect(existsSync(join(folder, 'etc'))).toBe(false);
  });

  test('a folder that somebody else uses meanwhile stays', async () => {
    source('a', 'new');

    await goThereAndBack(steps(), filesStep('f', { a: '/etc/deep/a' }), () =>
      write(join(folder, 'etc/deep/b'), 'mine'),
    );

    expect(readFileSync(join(folder, 'etc/deep/b'), 'utf8')).toBe('mine');
    expect(existsSync(join(folder, 'etc/deep/a'))).toBe(false);
  });

  test('an earlier file comes back with content, mode and time', async () => {
    source('a', 'new');
    const path = join(folder, 'etc/a');
    write(path, 'old');
    chmodSync(path, 0o4750);
    utimesSync(path, 1_000_000, 1_000_000);

    await goThereAndBack(steps(), filesStep('f', { a: '/etc/a' }), () => {
      expect(statSync(path).mode & 0o7777).toBe(0o644);
    });

    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(statSync(path).mode & 0o7777).toBe(0o4750);
    expect(statSync(path).mtimeMs).toBe(1_000_000_000);
  });

  test('a link is replaced, not what it leads to, and comes back', async () => {
    source('a', 'new');
    write(join(folder, 'etc/real'), 'real');
    symlinkSync('real', join(folder, 'etc/a'));

    await goThereAndBack(steps(), filesStep('f', { a: '/etc/a' }), () => {
      expect(lstatSync(join(folder, 'etc/a')).isFile()).toBe(true);
      expect(readFileSync(join(folder, 'etc/real'), 'utf8')).toBe('real');
    });

    expect(readlinkSync(join(folder, 'etc/a'))).toBe('real');
  });

  test('a folder at the place of a file is refused before anything is touched', async () => {
    source('a', 'new');
    mkdirSync(join(folder, 'etc/a'), { recursive: true });

    await expect(async () => steps().capture(filesStep('f', { a: '/etc/a' }), place())).rejects.toThrow(
      '/etc/a is there and is no file',
    );
  });

  test('what differs is said: content, mode, absence', async () => {
    source('a', 'new');
    const step = filesStep('f', { a: '/etc/a' });
    const problem = async (): Promise<string | null> => (await steps().verify(step, place())).problem;

    expect(await problem()).toBe('/etc/a is missing');
    write(join(folder, 'etc/a'), 'other');
    expect(await problem()).toBe("/etc/a has other content than the release's a");
    write(join(folder, 'etc/a'), 'new');
    chmodSync(join(folder, 'etc/a'), 0o600);
    expect(await problem()).toBe('/etc/a has mode 600, expected 0644');
  });

  test('owners are looked up by name on the host', async () => {
    source('a', 'new');
    write(join(folder, 'etc/passwd'), 'root:x:0:0\ndaemon:x:1:1::/\n');
    write(join(folder, 'etc/group'), 'root:x:0:\n');
    const step = filesStep('f', { a: '/etc/a' });
    if (step.type !== 'files') throw new Error('a files step');
    const owned = { ...step, files: step.files.map((file) => ({ ...file, owner: 'nobody-here' })) };

    await expect(async () => steps().apply(owned, place())).rejects.toThrow('expected a user or group "nobody-here"');
  });
});

describe('run', () => {
  const steps = (): HostSteps => createHostSteps(places, noEngine);

  test('runs once, finds the release, and is undone', async () => {
    source('words', 'from the release');
    const file = join(folder, 'made');
    const step = countingStep('r', file, { command: ['sh', '-c', `cp "$REFIT_RELEASE/words" ${file}`] });

    await goThereAndBack(steps(), step, () => expect(readFileSync(file, 'utf8')).toBe('from the release'));

    expect(existsSync(file)).toBe(false);
  });

  test('a command that takes too long is killed with all its children', async () => {
    const file = join(folder, 'late');
    const step = countingStep('r', file, { command: ['sh', '-c', `(sleep 1; touch ${file}) & wait`], timeoutMs: 200 });

    await expect(steps().apply(step, place())).rejects.toThrow('did not end within 0 s');

    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(existsSync(file)).toBe(false);
  });

  test('a failure carries the end of what the command said, and no more', async () => {
    const step = countingStep('r', 'x', {
      command: ['sh', '-c', 'yes noise | head -c 100000; echo the reason; exit 7'],
    });

    const error = await steps()
      .apply(step, place())
      .catch((one: unknown) => one);

    expect(String(error)).toMatch(/exited with 7.*the reason$/s);
    expect(String(error).length).toBeLessThan(3_000);
  });

  test('a command that is not there says so', async () => {
    const step = countingStep('r', 'x', { command: ['/no/such/program'] });

    await expect(steps().apply(step, place())).rejects.toThrow('/no/such/program could not be started');
  });
});

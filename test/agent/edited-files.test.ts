import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { driftReader } from '../../agent/drift.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { HostSteps, Json, StepPlace } from '../../agent/ports.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { sha256 } from '../../agent/releases.ts';
import { MAX_DRIFT } from '../../model/bus.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { IfEdited, ReleaseRef } from '../../model/release.ts';
import { noEngine } from './fake-engine.ts';
import { releaseOf } from './states.ts';
import { filesStep, TestHost, upgradeOne, write } from './test-host.ts';

let folder: string;
let places: Places;
let steps: HostSteps;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-edited-'));
  places = placesUnder(folder);
  steps = createHostSteps(places, noEngine);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const before = releaseOf('1');
const next = releaseOf('2');
const TO = '/etc/app.conf';

/** The release before put `text` there, and its release.json says so. */
function installed(ref: ReleaseRef, text: string, ifEdited?: IfEdited): void {
  const file = { from: 'app.conf', to: TO, mode: '0644', owner: 'root', group: 'root', ...(ifEdited && { ifEdited }) };
  const contents = [{ path: 'app.conf', sha256: sha256(text), sizeBytes: text.length }];
  const host = { steps: [{ id: 'files', type: 'files', files: [file] }] };
  write(join(places.release(ref.digest), 'release.json'), JSON.stringify({ contents, host }));
  write(join(places.release(ref.digest), 'app.conf'), text);
}

const put = (text: string): void => write(places.on(TO), text);
const read = (path = TO): string => readFileSync(places.on(path), 'utf8');
const beside = (): readonly string[] => readdirSync(dirname(places.on(TO))).sort();

const place = (more: Partial<StepPlace> = {}): StepPlace => ({
  ...{ release: next, upgrade: parseUpgradeId('up-1'), journal: 'j', index: 0, edited: null },
  ...{ before: null as Json, signal: new AbortController().signal },
  was: { name: before.name, version: before.version, digest: before.digest },
  ...more,
});

const stepOf = (ifEdited: IfEdited): ReturnType<typeof filesStep> => filesStep('conf', { 'app.conf': TO }, ifEdited);

async function bring(ifEdited: IfEdited, more: Partial<StepPlace> = {}): Promise<Json> {
  const step = stepOf(ifEdited);
  const captured = await steps.capture(step, place(more));
  await steps.apply(step, place({ ...more, before: captured }));
  // Killed before its record was written: applied once more.
  await steps.apply(step, place({ ...more, before: captured }));
  expect(await steps.check(step, place({ ...more, before: captured }))).toBe(true);
  return captured;
}

/** The release before brought `old`, this one brings `new`, an administrator wrote `mine`. */
function edited(): void {
  installed(before, 'old');
  installed(next, 'new');
  put('mine');
  chmodSync(places.on(TO), 0o640);
}

describe('a file that an administrator edited', () => {
  test('is replaced by replace, and stays beside the new one as it was', async () => {
    edited();

    const captured = await bring('replace');

    expect(read()).toBe('new');
    expect(read(`${TO}.refit-edited`)).toBe('mine');
    expect(statSync(places.on(`${TO}.refit-edited`)).mode & 0o777).toBe(0o640);
    await steps.undo(stepOf('replace'), place({ before: captured }));
    expect(read()).toBe('mine');
    expect(beside()).toEqual(['app.conf']);
  });

  test('stays by keep, and the new one comes beside it', async () => {
    edited();

    const captured = await bring('keep');
    const verified = await steps.verify(stepOf('keep'), place({ before: captured }));

    expect(read()).toBe('mine');
    expect(statSync(places.on(TO)).mode & 0o777).toBe(0o640);
    expect(read(`${TO}.refit-new`)).toBe('new');
    expect(verified).toEqual({
      problem: null,
      measured: { [`file:${TO}`]: `sha256:${sha256('mine')} (edited, kept)` },
    });
    await steps.undo(stepOf('keep'), place({ before: captured }));
    expect(read()).toBe('mine');
    expect(beside()).toEqual(['app.conf']);
  });

  test('stops the step by ask, with the commands that answer', () => {
    edited();

    const question = steps.question(stepOf('ask'), place());

    expect(question).toContain(`${TO} was edited on this host and 2 brings another`);
    expect(question).toContain('refit retry up-1 HOST --edited keep|replace');
    return expect(async () => steps.capture(stepOf('ask'), place())).rejects.toThrow('--edited keep|replace');
  });

  test.each(['keep', 'replace'] as const)('goes as the operator answers: %s', async (answer) => {
    edited();

    await bring('ask', { edited: answer });

    expect(steps.question(stepOf('ask'), place({ edited: answer }))).toBeNull();
    expect(read()).toBe(answer === 'keep' ? 'mine' : 'new');
    expect(read(answer === 'keep' ? `${TO}.refit-new` : `${TO}.refit-edited`)).toBe(answer === 'keep' ? 'new' : 'mine');
  });

  test('is not asked about when the release did not change it', async () => {
    installed(before, 'same');
    installed(next, 'same');
    put('mine');

    await bring('ask');

    expect(steps.question(stepOf('ask'), place())).toBeNull();
    expect(read()).toBe('mine');
    expect(beside()).toEqual(['app.conf']);
  });

  test('gets a numbered name beside it, when one of an earlier upgrade is there', async () => {
    edited();
    write(places.on(`${TO}.refit-new`), 'earlier');

    const captured = await bring('keep');

    expect(read(`${TO}.refit-new`)).toBe('earlier');
    expect(read(`${TO}.refit-new.1`)).toBe('new');
    await steps.undo(stepOf('keep'), place({ before: captured }));
    expect(beside()).toEqual(['app.conf', 'app.conf.refit-new']);
  });
});

describe('a file that nobody edited', () => {
  test.each(['replace', 'keep', 'ask'] as const)(
    'becomes the new one by %s, with nothing beside it',
    async (ifEdited) => {
      installed(before, 'old');
      installed(next, 'new');
      put('old');

      await bring(ifEdited);

      expect(read()).toBe('new');
      expect(beside()).toEqual(['app.conf']);
    },
  );

  test('is told from an edited one only if the release before is known: else keep and ask take it for edited', async () => {
    installed(next, 'new');
    put('theirs');

    await bring('keep', { was: null });

    expect(read()).toBe('theirs');
    expect(steps.question(stepOf('ask'), place({ was: null }))).not.toBeNull();
    expect(steps.question(stepOf('replace'), place({ was: null }))).toBeNull();
  });
});

test('an agent refuses an install that has to ask before anything is touched, and goes on with the answer', async () => {
  const host = new TestHost();
  try {
    const staged = (version: string, text: string): ReleaseRef =>
      host.stage({ version, files: { 'app.conf': text }, steps: [stepOf('ask')] });
    const [first, second] = [staged('1.0.0', 'old'), staged('2.0.0', 'new')];
    host.start();
    const one = await host.order(first);
    await host.settled(one);
    write(host.places.on(TO), 'mine');

    const refused = await host.settled(await host.order(second, { upgrade: parseUpgradeId('upgrade-2') }));
    const untouched = readFileSync(host.places.on(TO), 'utf8');
    const answered = await host.order(second, { upgrade: parseUpgradeId('upgrade-2'), edited: 'keep' });
    const done = await host.settled(answered);

    expect(refused.refused).toContain('--edited keep|replace; nothing was done');
    expect(untouched).toBe('mine');
    expect(done.phase).toBe('done');
    expect(readFileSync(host.places.on(`${TO}.refit-new`), 'utf8')).toBe('new');
    expect(upgradeOne).toBeDefined();
  } finally {
    host.close();
  }
});

describe('drift', () => {
  const on = { name: before.name, version: before.version, digest: before.digest };

  test('is none where everything is as the last upgrade left it, or nothing is installed', () => {
    installed(before, 'old');
    put('old');

    expect(driftReader(places)(on)).toEqual([]);
    expect(driftReader(places)(null)).toEqual([]);
  });

  test('names files that differ, lost their mode, or are gone; also when they changed since the last look', () => {
    installed(before, 'old');
    put('old');
    const drift = driftReader(places);
    drift(on);

    put('other');
    const differs = drift(on);
    put('old');
    chmodSync(places.on(TO), 0o600);
    const mode = drift(on);
    rmSync(places.on(TO));
    const gone = drift(on);

    expect(differs).toEqual([`${TO} differs from what 1 put there`]);
    expect(mode).toEqual([`${TO} has mode 600, 1 gave it 0644`]);
    expect(gone).toEqual([`${TO} is gone, 1 put it there`]);
  });

  test('leaves alone what an administrator may edit, and what is not to be seen from here', () => {
    installed(before, 'old', 'keep');
    put('mine');

    expect(driftReader(places)(on)).toEqual([]);
    rmSync(places.on(TO));
    expect(driftReader(places)(on)).toEqual([`${TO} is gone, 1 put it there`]);
    expect(driftReader(places, (path) => path.startsWith('/opt/'))(on)).toEqual([]);
  });

  test('names packages at another version, and counts what it has no room for', () => {
    const packages = Array.from({ length: MAX_DRIFT + 3 }, (_, index) => ({ name: `p${index}`, version: '2.0.0' }));
    const host = { steps: [{ id: 'packages', type: 'packages', packages }] };
    write(join(places.release(before.digest), 'release.json'), JSON.stringify({ contents: [], host }));
    mkdirSync(places.on('/var/lib/dpkg'), { recursive: true });
    write(
      places.on('/var/lib/dpkg/status'),
      'Package: p0\nStatus: install ok installed\nVersion: 1.9.0\nArchitecture: all\n',
    );

    const drift = driftReader(places)(on);

    expect(drift[0]).toBe('package p0 is 1.9.0, the last upgrade left 2.0.0');
    expect(drift[1]).toBe('package p1 is not installed, the last upgrade left 2.0.0');
    expect(drift).toHaveLength(MAX_DRIFT);
    expect(drift.at(-1)).toBe('and 4 more');
    expect(existsSync(places.on(TO))).toBe(false);
  });
});

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { HostSteps, Json, StepPlace } from '../../agent/ports.ts';
import { sha256 } from '../../agent/releases.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import type { IfEdited } from '../../model/release.ts';
import { noEngine } from './fake-engine.ts';
import { releaseOf } from './states.ts';
import { filesStep, me, write } from './test-host.ts';

let places: Places;
let steps: HostSteps;
beforeEach(() => {
  places = placesUnder(mkdtempSync(join(tmpdir(), 'refit-edited-')));
  steps = createHostSteps(places, noEngine);
});
afterEach(() => rmSync(places.root, { recursive: true, force: true }));

const [before, next] = [releaseOf('1'), releaseOf('2')];
const CONF = '/etc/app.conf';
const answers = ['keep', 'replace'] as const;
const policies: readonly IfEdited[] = ['replace', 'keep', 'ask'];

const stepOf = (ifEdited: IfEdited): ReturnType<typeof filesStep> => filesStep('conf', { 'app.conf': CONF }, ifEdited);
const place = (more: Partial<StepPlace> = {}): StepPlace => ({
  ...{ host: me, release: next, upgrade: parseUpgradeId('up-1'), journal: 'j', index: 0, edited: null, before: null },
  ...{ was: before, signal: new AbortController().signal },
  ...more,
});

/** What the release brings, and what the one before brought by its own word, if it did. */
function releases(was: string | null, brings: string): void {
  write(join(places.release(next.digest), 'app.conf'), brings);
  const file = { from: 'app.conf', to: CONF, mode: '0644', owner: 'root', group: 'root' };
  const contents = [{ path: 'app.conf', sha256: sha256(was ?? ''), sizeBytes: 1 }];
  const host = {
    steps: [
      { id: 'other', type: 'unit' },
      { id: 'conf', type: 'files', files: [file] },
    ],
  };
  if (was !== null) write(join(places.release(before.digest), 'release.json'), JSON.stringify({ contents, host }));
}

/** A file with a mode and a time of its own. */
function administer(text: string): void {
  write(places.on(CONF), text);
  chmodSync(places.on(CONF), 0o640);
  utimesSync(places.on(CONF), 1_000_000, 1_000_000);
}

type Stood = { readonly text: string; readonly mode: number; readonly mtimeMs: number };
/** Every file beside the configuration file, and itself. */
function stands(): Readonly<Record<string, Stood>> {
  const folder = dirname(places.on(CONF));
  const found = readdirSync(folder).map((name) => {
    const { mode, mtimeMs } = statSync(join(folder, name));
    return [name, { text: readFileSync(join(folder, name), 'utf8'), mode: mode & 0o7777, mtimeMs }] as const;
  });
  return Object.fromEntries(found);
}
const texts = (): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(stands()).map(([name, { text }]) => [name, text]));

/** There, as often as kills may have it; answers what was captured. */
async function bring(ifEdited: IfEdited, more: Partial<StepPlace> = {}): Promise<Json> {
  const step = stepOf(ifEdited);
  const captured = await steps.capture(step, place(more));
  await steps.apply(step, place({ ...more, before: captured }));
  await steps.apply(step, place({ ...more, before: captured }));
  expect(await steps.check(step, place({ ...more, before: captured }))).toBe(true);
  return captured;
}

async function undo(ifEdited: IfEdited, captured: Json): Promise<void> {
  await steps.undo(stepOf(ifEdited), place({ before: captured }));
  await steps.undo(stepOf(ifEdited), place({ before: captured }));
}

describe('a file that an administrator edited', () => {
  beforeEach(() => {
    releases('old', 'new');
    administer('mine');
  });

  test('is replaced by replace and stays beside the new one as it was; the way back leaves no trace', async () => {
    const stood = stands();

    const captured = await bring('replace');
    const there = stands();
    await undo('replace', captured);

    expect(there['app.conf']).toMatchObject({ text: 'new', mode: 0o644 });
    expect(there['app.conf.refit-edited']).toEqual(stood['app.conf']);
    expect(stands()).toEqual(stood);
  });

  test('stays as it was by keep, with the new one beside it; the way back leaves no trace', async () => {
    const stood = stands();

    const captured = await bring('keep');
    const there = stands();
    await undo('keep', captured);

    expect(there['app.conf']).toEqual(stood['app.conf']);
    expect(there['app.conf.refit-new']).toMatchObject({ text: 'new', mode: 0o644 });
    expect(stands()).toEqual(stood);
  });

  test('that was kept is right as it is, and its measured value says so', async () => {
    const captured = await bring('keep');

    const verified = await steps.verify(stepOf('keep'), place({ before: captured }));

    const measured = { [`file:${CONF}`]: `sha256:${sha256('mine')} (edited, kept)` };
    expect(verified).toEqual({ problem: null, measured });
  });

  test('that was kept and is gone is a problem', async () => {
    const captured = await bring('keep');
    rmSync(places.on(CONF));

    const verified = await steps.verify(stepOf('keep'), place({ before: captured }));

    expect(verified.problem).toBe(`${CONF} is missing`);
  });

  test('asks by ask, and the question names the host, the file, and how to answer', async () => {
    const hop = place({ upgrade: parseUpgradeId('up-1.hop-2') });

    const question = await steps.question(stepOf('ask'), hop);

    expect(question).toBe(
      '/etc/app.conf on host host-1 was edited, and sample 2 brings another; say what becomes of it with: ' +
        'refit retry up-1 host-1 --edited keep, or: refit retry up-1 host-1 --edited replace',
    );
  });

  test('that asks stops the step before any of its files is touched', async () => {
    await expect(steps.capture(stepOf('ask'), place())).rejects.toThrow('--edited keep');

    expect(texts()).toEqual({ 'app.conf': 'mine' });
  });

  test.each(answers)('goes as the operator answers: %s', async (edited) => {
    await bring('ask', { edited });

    const beside = edited === 'keep' ? { 'app.conf.refit-new': 'new' } : { 'app.conf.refit-edited': 'mine' };
    expect(await steps.question(stepOf('ask'), place({ edited }))).toBeNull();
    expect(texts()).toEqual({ 'app.conf': edited === 'keep' ? 'mine' : 'new', ...beside });
  });

  test('gets another name beside it where one of an earlier upgrade is, and that one stays for good', async () => {
    write(places.on(`${CONF}.refit-new`), 'of an earlier upgrade');

    const captured = await bring('keep');
    const there = texts();
    await undo('keep', captured);

    expect(there).toMatchObject({ 'app.conf.refit-new': 'of an earlier upgrade', 'app.conf.refit-new-2': 'new' });
    expect(texts()).toEqual({ 'app.conf': 'mine', 'app.conf.refit-new': 'of an earlier upgrade' });
  });

  test('is not put beside the new one a second time with the same content', async () => {
    write(places.on(`${CONF}.refit-edited`), 'mine');

    const captured = await bring('replace');
    const there = texts();
    await undo('replace', captured);

    expect(there).toEqual({ 'app.conf': 'new', 'app.conf.refit-edited': 'mine' });
    expect(texts()).toEqual({ 'app.conf': 'mine', 'app.conf.refit-edited': 'mine' });
  });

  test('that is to be kept is not done with until the new one is beside it', async () => {
    const captured = await steps.capture(stepOf('keep'), place());

    expect(await steps.check(stepOf('keep'), place({ before: captured }))).toBe(false);
  });

  test('keeps its fate when it is edited once more while the step is at it', async () => {
    const captured = await steps.capture(stepOf('replace'), place());
    await steps.apply(stepOf('replace'), place({ before: captured }));
    // The agent is killed, and begins the step again with what it noted.
    await steps.apply(stepOf('replace'), place({ before: captured }));

    expect(texts()).toEqual({ 'app.conf': 'new', 'app.conf.refit-edited': 'mine' });
  });
});

describe('a file that the release does not change', () => {
  beforeEach(() => {
    releases('same', 'same');
    administer('mine');
  });

  test.each(['keep', 'ask'] as const)(
    'stays edited by %s, without a question and with nothing to do',
    async (policy) => {
      expect(await steps.question(stepOf(policy), place())).toBeNull();
      expect(await steps.check(stepOf(policy), place())).toBe(true);
      expect((await steps.verify(stepOf(policy), place())).problem).toBeNull();
    },
  );

  test('is put right by replace', async () => {
    expect(await steps.check(stepOf('replace'), place())).toBe(false);

    await bring('replace');

    expect(texts()).toEqual({ 'app.conf': 'same', 'app.conf.refit-edited': 'mine' });
  });
});

describe('a file that nobody edited', () => {
  test.each(policies)('becomes the new one by %s, with nothing beside it', async (policy) => {
    releases('old', 'new');
    administer('old');

    await bring(policy);

    expect(stands()).toMatchObject({ 'app.conf': { text: 'new', mode: 0o644 } });
    expect(Object.keys(texts())).toEqual(['app.conf']);
  });

  test.each(policies)('is put there by %s where there was none', async (policy) => {
    releases('old', 'new');

    await bring(policy);

    expect(texts()).toEqual({ 'app.conf': 'new' });
  });

  test('is told by its content: a link in its place is replaced, and comes back', async () => {
    releases('old', 'new');
    write(places.on('/etc/real'), 'mine');
    symlinkSync('real', places.on(CONF));

    const captured = await bring('ask');
    const there = texts();
    await undo('ask', captured);

    expect(there).toEqual({ real: 'mine', 'app.conf': 'new' });
    expect(texts()).toEqual({ real: 'mine', 'app.conf': 'mine' });
  });
});

describe('a file of which refit does not know what was put there', () => {
  const unknown: readonly [why: string, prepare: () => Partial<StepPlace>][] = [
    ['before the first install', () => (releases(null, 'new'), { was: null })],
    ['of a release that is not on the disk any more', () => (releases(null, 'new'), {})],
    [
      'of a release that is damaged',
      () => (releases(null, 'new'), write(join(places.release(before.digest), 'release.json'), '{"contents":'), {}),
    ],
  ];

  test.each(unknown)('counts as edited: %s', async (_why, prepare) => {
    const more = prepare();
    administer('theirs');

    expect(await steps.question(stepOf('ask'), place(more))).toContain('--edited keep');
    await bring('replace', more);

    expect(texts()).toEqual({ 'app.conf': 'new', 'app.conf.refit-edited': 'theirs' });
  });
});

test('a step that was begun by an agent of before there was a choice is undone and done as it was', async () => {
  releases('old', 'new');
  administer('mine');
  write(join(places.undoOf('j', 0), '0'), 'mine');
  const { uid, gid } = statSync(places.on(CONF));
  const noted = [{ kind: 'file', saved: '0', mode: 0o640, uid, gid, mtimeMs: 1_000_000_000 }];
  const stood = stands();

  await steps.apply(stepOf('keep'), place({ before: noted }));
  const there = texts();
  await undo('keep', noted);

  expect(there).toEqual({ 'app.conf': 'new' });
  expect(stands()).toEqual(stood);
});

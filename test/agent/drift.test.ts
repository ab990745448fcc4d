import { chmodSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { emptyTail, encodeRecord } from '../../agent/core/journal.ts';
import type { JournalBody } from '../../agent/core/records.ts';
import { driftReader } from '../../agent/drift.ts';
import { readFacts } from '../../agent/facts.ts';
import { parseHostFacts } from '../../drivers/bus-values.ts';
import { MAX_DRIFT } from '../../model/bus.ts';
import { parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { IfEdited, Package, ReleaseRef, Step } from '../../model/release.ts';
import { done, hostRelease, orderOf } from './states.ts';
import { countingStep, filesStep, TestHost, write } from './test-host.ts';

let host: TestHost;
beforeEach(() => {
  host = new TestHost();
  host.start();
});
afterEach(() => host.close());

const CONF = '/etc/app.conf';
const second = parseUpgradeId('upgrade-2');
const stage = (version: string, files: Readonly<Record<string, string>>, ifEdited: IfEdited = 'replace'): ReleaseRef =>
  host.stage({ version, files: { a: `of ${version}` }, steps: [filesStep('files', files, ifEdited)] });
const drift = (): readonly string[] => driftReader(host.places)();

test('is none of a host that refit never upgraded', () => {
  write(host.places.on(CONF), 'anything');

  expect(drift()).toEqual([]);
});

describe('a file', () => {
  beforeEach(async () => {
    await host.settled(await host.order(stage('1.0.0', { a: CONF })));
  });

  const changes: readonly [what: string, change: (path: string) => void, drift: string | null][] = [
    ['that nobody touched', () => undefined, null],
    ['that was only looked at and saved', (path) => write(path, 'of 1.0.0'), null],
    ['that was edited', (path) => write(path, 'mine'), `${CONF} differs from what 1.0.0 put there`],
    ['with another mode', (path) => chmodSync(path, 0o600), `${CONF} has mode 600, 1.0.0 gave it 0644`],
    ['that was removed', (path) => rmSync(path), `${CONF} is gone, 1.0.0 put it there`],
    [
      'that is a link now',
      (path) => {
        rmSync(path);
        symlinkSync('/dev/null', path);
      },
      `${CONF} is no plain file any more`,
    ],
  ];
  test.each(changes)('%s', (_what, change, expected) => {
    change(host.places.on(CONF));

    expect(drift()).toEqual(expected === null ? [] : [expected]);
  });

  test('is seen to be edited by a reader that has seen it before, and to be put right again', () => {
    const reader = driftReader(host.places);
    const seen = [reader()];
    for (const text of ['mine', 'of 1.0.0']) {
      write(host.places.on(CONF), text);
      // Of the same size, and within one tick of the clock: the entry's own time of change tells it all the same.
      utimesSync(host.places.on(CONF), 1, 1);
      seen.push(reader());
    }

    expect(seen.map((found) => found.length)).toEqual([0, 1, 0]);
  });

  test('is compared with what the latest upgrade left, and after its way back with what the one before did', async () => {
    const next = stage('2.0.0', { a: CONF });
    const reader = driftReader(host.places);
    await host.settled(await host.order(next, { upgrade: second }));
    const after = reader();
    await host.settled(await host.order(next, { upgrade: second, action: 'revert' }));

    expect([after, reader()]).toEqual([[], []]);
    write(host.places.on(CONF), 'of 2.0.0');
    expect(reader()).toEqual([`${CONF} differs from what 1.0.0 put there`]);
  });

  test('outside of what can be seen from here is left out', () => {
    rmSync(host.places.on(CONF));

    expect(driftReader(host.places, (path) => path.startsWith('/opt/'))()).toEqual([]);
  });
});

test('an edited file that was kept is no drift until it is edited again or is gone', async () => {
  write(host.places.on(CONF), 'mine');
  chmodSync(host.places.on(CONF), 0o600);
  await host.settled(await host.order(stage('1.0.0', { a: CONF }, 'keep')));
  const kept = drift();

  write(host.places.on(CONF), 'mine, once more');
  const edited = drift();
  rmSync(host.places.on(CONF));

  expect(kept).toEqual([]);
  expect(edited).toEqual([`${CONF} was edited again since 1.0.0 kept it`]);
  expect(drift()).toEqual([`${CONF} is gone, 1.0.0 kept it there`]);
});

test('a host at work has none: what it is to be is under way', async () => {
  await host.settled(await host.order(stage('1.0.0', { a: CONF })));
  const gate = host.places.on('/gate');
  const slow = countingStep('slow', gate, { command: ['sh', '-c', `while ! test -e ${gate}; do sleep 0.05; done`] });
  const next = host.stage({
    version: '2.0.0',
    files: { a: 'of 2.0.0' },
    steps: [filesStep('files', { a: CONF }), slow],
  });
  const order = await host.order(next, { upgrade: second });
  await host.reported(order, ({ step }) => step?.id === 'slow');

  const atWork = drift();
  write(gate, '');
  await host.settled(order);

  expect(atWork).toEqual([]);
});

test('packages at another version or gone are named, and what there is no room for is counted', () => {
  const packages = Array.from({ length: MAX_DRIFT + 3 }, (_, index) => aPackage(`p${index}`));
  installedBy([{ id: parseStepId('packages'), type: 'packages', format: 'deb', packages }]);
  write(host.places.on('/var/lib/dpkg/status'), `${paragraph('p0', '1.9')}\n${paragraph('p2', '2.0.0')}`);

  const found = drift();

  expect(found.slice(0, 3)).toEqual([
    'package p0 is 1.9, the last upgrade left 2.0.0',
    'package p1 is gone, the last upgrade left 2.0.0',
    'package p3 is gone, the last upgrade left 2.0.0',
  ]);
  expect(found).toHaveLength(MAX_DRIFT);
  expect(found.at(-1)).toBe('and 3 more');
});

test('a package that an operator holds is there', () => {
  installedBy([{ id: parseStepId('packages'), type: 'packages', format: 'deb', packages: [aPackage('p0')] }]);
  write(host.places.on('/var/lib/dpkg/status'), paragraph('p0', '2.0.0').replace('install ok', 'hold ok'));

  expect(drift()).toEqual([]);
});

test('another kernel than the last upgrade left is named', () => {
  installedBy([], { type: 'finished', phase: 'done', error: null, measured: { kernel: '5.0-of-the-release' } });

  expect(drift()).toEqual([`kernel ${release()} runs, 2 left the host on 5.0-of-the-release`]);
});

const aPackage = (name: string): Package => ({ file: `${name}.deb`, name, version: '2.0.0', architecture: 'all' });
const paragraph = (name: string, version: string): string =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nVersion: ${version}\n`;

/** The journal of an upgrade that is done: a test's host has no dpkg to install anything with. */
function installedBy(steps: readonly Step[], finished: JournalBody = done): void {
  const accepted: JournalBody = {
    ...{ type: 'accepted', order: orderOf(), host: hostRelease(steps), digest: '', already: false, before: null },
    ...{ budgetMs: 1_000, begun: true, bootId: 'boot' },
  };
  const first = encodeRecord(emptyTail('5-1'), 1, accepted);
  write(join(host.places.journal, '5-1.jsonl'), first.line + encodeRecord(first.tail, 2, finished).line);
}

test('facts carry it, and are read back with it', async () => {
  await host.settled(await host.order(stage('1.0.0', { a: CONF })));
  write(host.places.on(CONF), 'mine');

  const options = { agent: null, phase: 'done', packages: [], drift: driftReader(host.places) } as const;
  const facts = readFacts(host.places, options);

  expect(facts.drift).toHaveLength(1);
  expect(parseHostFacts(JSON.stringify(facts))).toMatchObject({ ok: true, value: { drift: facts.drift } });
});

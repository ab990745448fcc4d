import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDisk } from '../../agent/disk.ts';
import { placesUnder } from '../../agent/places.ts';
import type { Disk } from '../../agent/ports.ts';
import { countingStep, filesStep, keys, me, TestHost } from './test-host.ts';
import { eventually } from '../eventually.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-disk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('records are appended, and a torn tail is cut off before the next', () => {
  const places = placesUnder(folder);
  openDisk(places).append('j', 'one\n');
  appendFileSync(join(places.journal, 'j.jsonl'), 'half of tw');

  const disk = openDisk(places);
  expect(disk.readJournal('j')).toBe('one\nhalf of tw');
  disk.truncate('j', 4);
  disk.append('j', 'two\n');

  expect(openDisk(places).readJournal('j')).toBe('one\ntwo\n');
});

test('files are replaced whole, and journals go with what their steps kept', () => {
  const places = placesUnder(folder);
  const disk = openDisk(places);
  disk.append('j', 'one\n');
  mkdirSync(places.undoOf('j', 0), { recursive: true });
  disk.write('answered.json', 'first');
  disk.write('answered.json', 'second');

  disk.removeJournal('j');

  expect(disk.read('answered.json')).toBe('second');
  expect(disk.journals()).toEqual([]);
  expect(existsSync(join(places.undo, 'j'))).toBe(false);
  expect(readdirSync(places.state).filter((name) => name.includes('partial'))).toEqual([]);
});

const canMount = ((): boolean => {
  const path = mkdtempSync(join(tmpdir(), 'refit-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' });
    execFileSync('umount', [path]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
})();

test.runIf(canMount)('on a full disk an append throws and leaves the journal as it was', () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
  try {
    const disk = openDisk(placesUnder(folder));
    disk.append('j', 'one\n');
    const filler = 'x'.repeat(300 * 1024);

    expect(() => disk.append('j', filler)).toThrow('ENOSPC');
    expect(disk.readJournal('j')).toBe('one\n');
    disk.append('j', 'two\n');
    expect(disk.readJournal('j')).toBe('one\ntwo\n');

    expect(() => writeFileSync(join(folder, 'full'), filler)).toThrow('ENOSPC');
    expect(() => disk.append('j', 'y'.repeat(8_192))).toThrow('ENOSPC');
    disk.freeReserve();
    disk.append('j', 'the way back\n');
  } finally {
    execFileSync('umount', [folder]);
  }
});

/** A real disk that finds no room for the records it is told. */
function fullDisk(disk: Disk, isFull: (text: string) => boolean): Disk {
  return {
    ...disk,
    append: (name, text) => {
      if (isFull(text)) throw new Error('ENOSPC: no space left on device, write');
      disk.append(name, text);
    },
  };
}

test('an order that finds no room for its journal is refused, and the host is left as it was', async () => {
  const host = new TestHost();
  const ref = host.stage({
    version: '2.0.0',
    files: { motd: 'new' },
    steps: [filesStep('motd', { motd: '/etc/motd' })],
  });
  host.start({ disk: fullDisk(openDisk(host.places), (text) => text.includes('"accepted"')) });

  const report = await host.settled(await host.order(ref));

  expect(report.refused).toMatch(/journal can't be written: ENOSPC.*nothing was done/);
  expect(existsSync(join(host.folder, 'etc/motd'))).toBe(false);
  host.close();
});

test('a disk that gets full in the middle takes the host back, and the reserve records it', async () => {
  const host = new TestHost();
  const file = join(host.folder, 'made');
  const ref = host.stage({
    version: '2.0.0',
    steps: [countingStep('first', file), countingStep('second', `${file}2`)],
  });
  let isFreed = false;
  const disk = fullDisk(openDisk(host.places), (text) => !isFreed && /"stepStarted","index":1|"reverting"/.test(text));
  host.start({ disk: { ...disk, freeReserve: () => (isFreed = true) } });

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'reverted', error: { step: 'second', kind: 'failed' } });
  expect(report.error?.message).toContain('ENOSPC');
  expect(existsSync(file)).toBe(false);
  expect(readFileSync(journalOf(host), 'utf8')).toContain('"finished","phase":"reverted"');
  host.close();
});

test('a corrupt journal is reported, and nothing on the host is touched any more', async () => {
  const host = new TestHost();
  const ref = host.stage({
    version: '2.0.0',
    files: { motd: 'new' },
    steps: [filesStep('motd', { motd: '/etc/motd' })],
  });
  const first = host.start();
  await host.settled(await host.order(ref));
  first.stop();
  const path = journalOf(host);
  writeFileSync(path, readFileSync(path, 'utf8').replace('stepFinished', 'stepFiniched'));

  host.start();
  const order = await host.order(ref, { epoch: 2, action: 'revert' });

  const report = await host.reported(order, ({ refused }) => refused !== null);
  expect(report.phase).toBe('stuck');
  expect(report.refused).toMatch(/is corrupt at line \d of \d.*left as it is/);
  expect(readFileSync(join(host.folder, 'etc/motd'), 'utf8')).toBe('new');
  await eventually(() => host.bus.under(keys.alive(me))[0]?.value.includes('"phase":"stuck"') === true);
  host.close();
});

const journalOf = (host: TestHost): string =>
  join(host.places.journal, readdirSync(host.places.journal).find((name) => name.endsWith('.jsonl')) ?? '');

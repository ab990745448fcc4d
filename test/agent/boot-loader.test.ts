import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  beginTrial,
  endTrial,
  hasTrialUnit,
  kernelOnTrial,
  removeTrial,
} from '../../agent/boot-loader/boot-confirm.ts';
import type { BootLoader, Run } from '../../agent/boot-loader/boot-loader.ts';
import { findBootLoader, needBootLoader } from '../../agent/boot-loader/find.ts';
import { kernelOf, readEnvironment, readMenu } from '../../agent/boot-loader/grub-menu.ts';
import { findMount } from '../../agent/boot-loader/mounts.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import { entryId, grubConfig, grubEnvironment, submenuEntryId } from './grub-config.ts';
import { write } from './test-host.ts';

const OLD = '6.1.0-54-cloud-amd64';
const NEW = '6.1.0-56-cloud-amd64';

let places: Places;
let programs: string[];
beforeEach(() => {
  places = placesUnder(mkdtempSync(join(tmpdir(), 'refit-grub-')));
  programs = [];
});
afterEach(() => rmSync(places.root, { recursive: true, force: true }));

const CONFIG = '/boot/grub/grub.cfg';
const ENVIRONMENT = '/boot/grub/grubenv';
const SETTINGS = '/etc/default/grub.d/zz-refit.cfg';

function debian(kernels: readonly string[], variables: Readonly<Record<string, string>> = {}): void {
  write(places.on(CONFIG), grubConfig(kernels));
  write(places.on(ENVIRONMENT), grubEnvironment(variables));
  for (const program of ['bin/grub-editenv', 'sbin/update-grub']) write(places.on(`/usr/${program}`), '');
}

/** GRUB's own programs, as far as they are asked for anything: the file that they are given, and no other. */
const run: Run = ([program = '', file = '', ...words]) => {
  programs.push([program, ...words].join(' ').replaceAll(places.root, ''));
  if (program === 'grub-editenv') editEnvironment(file, words);
  if (program === 'update-grub')
    write(words[0] ?? '', grubConfig([NEW, OLD], { isPrepared: existsSync(places.on(SETTINGS)) }));
  return Promise.resolve();
};

function editEnvironment(file: string, [verb, ...names]: readonly string[]): void {
  const variables = new Map(readEnvironment(readFileSync(file, 'latin1')));
  for (const name of names) {
    const [key = '', ...value] = name.split('=');
    if (verb === 'set') variables.set(key, value.join('='));
    else variables.delete(key);
  }
  write(file, grubEnvironment(Object.fromEntries(variables)));
}

const loader = (): BootLoader => needBootLoader(places);

describe('GRUB', () => {
  test('kernels are read from its menu, with and without a submenu; recovery entries are none', () => {
    const plain = readMenu(grubConfig([NEW, OLD]));
    const prepared = readMenu(grubConfig([NEW, OLD], { isPrepared: true }));

    expect(plain.map(({ kernel }) => kernel)).toEqual([NEW, NEW, OLD]);
    expect(plain.at(-1)?.id).toBe(submenuEntryId(OLD));
    expect(prepared.map(({ id }) => id)).toEqual([entryId(NEW), entryId(OLD)]);
  });

  test('what a default names is found by id, by title and by place', () => {
    const entries = readMenu(grubConfig([NEW, OLD]));

    expect([
      kernelOf(entries, entryId(OLD)),
      kernelOf(entries, submenuEntryId(OLD)),
      kernelOf(entries, `Debian GNU/Linux, with Linux ${OLD}`),
      kernelOf(entries, '0'),
      kernelOf(entries, 'memtest'),
    ]).toEqual([OLD, OLD, OLD, NEW, null]);
  });

  test('as Debian sets it up the newest kernel is the default, and nothing falls back', () => {
    debian([NEW, OLD]);

    expect([loader().standard(), loader().once(), loader().isPrepared()]).toEqual([NEW, null, false]);
    expect(loader().problem()).toBeNull();
  });

  test('set up to fall back the given kernel is the default, whatever is newer', async () => {
    debian([NEW, OLD]);

    await loader().prepare(OLD, run);
    const calls = programs.length;
    await loader().prepare(OLD, run);

    expect([loader().standard(), loader().isPrepared()]).toEqual([OLD, true]);
    expect(programs.slice(calls)).toEqual([
      'grub-editenv unset prev_saved_entry next_entry',
      `grub-editenv set saved_entry=${entryId(OLD)}`,
    ]);
    expect(readFileSync(places.on(SETTINGS), 'utf8')).toContain('panic=5');
  });

  test('a kernel is started once, that is taken back, and another becomes the default', async () => {
    debian([NEW, OLD]);
    await loader().prepare(OLD, run);

    await loader().startOnce(NEW, run);
    const armed = [loader().once(), loader().standard()];
    await loader().clearOnce(run);
    const cleared = loader().once();
    await loader().setStandard(NEW, run);

    expect([armed, cleared, loader().standard()]).toEqual([[NEW, OLD], null, NEW]);
    expect(loader().setStandardCommand(OLD).split(' && ')).toEqual([
      'f=$(readlink -f /boot/grub/grubenv)',
      'cp "$f" "$f.refit-partial"',
      'grub-editenv "$f.refit-partial" unset prev_saved_entry next_entry',
      `grub-editenv "$f.refit-partial" set saved_entry='${entryId(OLD)}'`,
      'sync',
      'mv "$f.refit-partial" "$f"',
    ]);
  });

  test('taken away it is as it was', async () => {
    debian([NEW, OLD], { saved_entry: 'mine' });
    const before = [readFileSync(places.on(CONFIG), 'utf8'), loader().saved()];
    await loader().prepare(OLD, run);

    await loader().restore('mine', run);

    expect([readFileSync(places.on(CONFIG), 'utf8'), loader().saved()]).toEqual(before);
    expect(existsSync(places.on('/etc/grub.d/06_refit-fallback'))).toBe(false);
  });

  test.each(['grub-editenv', 'update-grub'])('cut off in the middle of %s, what it reads is as it was', async (cut) => {
    debian([NEW, OLD], { saved_entry: 'mine' });
    const read = (): readonly string[] => [CONFIG, ENVIRONMENT].map((path) => readFileSync(places.on(path), 'utf8'));
    const [config, environment] = read();
    const cutOff: Run = async (command) => {
      await run(command);
      if (command[0] !== cut) return;
      write(command[cut === 'update-grub' ? 2 : 1] ?? '', '');
      throw new Error('no power');
    };

    await expect(loader().prepare(OLD, cutOff)).rejects.toThrow('no power');

    expect(read()[0]).toBe(config);
    expect(read()[1]).toBe(
      cut === 'grub-editenv' ? environment : grubEnvironment({ saved_entry: submenuEntryId(OLD) }),
    );
  });

  test('a kernel that it has no entry for is named with those there are', async () => {
    debian([OLD]);

    await expect(loader().setStandard('5.10', run)).rejects.toThrow(`no entry for kernel 5.10; it has: ${OLD}`);
  });

  test.each([
    ['no configuration', () => rmSync(places.on(CONFIG)), 'grub.cfg is not there'],
    ['no environment', () => rmSync(places.on(ENVIRONMENT)), 'grub-editenv - create'],
    ['an environment that is none', () => write(places.on(ENVIRONMENT), 'x'), 'no block of 1024 bytes'],
    ['an old configuration', () => write(places.on(CONFIG), 'linux /vmlinuz'), 'update-grub'],
    ['no programs', () => rmSync(places.on('/usr/bin/grub-editenv')), 'install the package grub2-common'],
  ])('%s is a problem that says what to do', (_, spoil, problem) => {
    debian([OLD]);
    spoil();

    const found = findBootLoader(places);

    expect(typeof found === 'string' ? found : found.problem()).toContain(problem);
  });
});

test('without a boot loader, and with one that is not used yet, the host can’t come back', () => {
  const none = findBootLoader(places);
  mkdirSync(places.on('/boot/loader/entries'), { recursive: true });

  expect(none).toContain('no boot loader');
  expect(findBootLoader(places)).toContain('systemd-boot');
  expect(() => needBootLoader(places)).toThrow('could not come back from a kernel that does not start: its boot');
});

test('the file system of a path is the one mounted last at the longest point above it', () => {
  const mountinfo = [
    '22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw',
    '30 22 0:40 / /boot rw - btrfs /dev/vdb1 rw',
    '31 22 9:0 / /boot rw - ext4 /dev/md0 rw',
    '32 22 0:41 / /bo rw - tmpfs tmpfs rw',
  ].join('\n');

  expect([findMount(mountinfo, '/boot/grub'), findMount(mountinfo, '/bootx')]).toEqual([
    { type: 'ext4', device: '/dev/md0' },
    { type: 'ext4', device: '/dev/vda1' },
  ]);
});

describe('a kernel on trial', () => {
  const trial = { kernel: NEW, withinMs: 150_000, back: "grub-set-default 'x'" };

  test('is known until it is confirmed, and its unit starts with every boot', () => {
    mkdirSync(places.state, { recursive: true });
    beginTrial(places, trial);
    const during = [kernelOnTrial(places), hasTrialUnit(places)];

    endTrial(places);

    expect(during).toEqual([NEW, true]);
    expect([kernelOnTrial(places), hasTrialUnit(places)]).toEqual([null, true]);
    expect(existsSync(join(places.units, 'sysinit.target.wants/refit-boot-confirm.service'))).toBe(true);
  });

  test('leaves nothing when it is removed', () => {
    beginTrial(places, trial);

    removeTrial(places);

    expect([kernelOnTrial(places), hasTrialUnit(places)]).toEqual([null, false]);
    expect(existsSync(join(dirname(places.config), 'boot-confirm'))).toBe(false);
  });
});

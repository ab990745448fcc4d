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

function debian(kernels: readonly string[], variables: Readonly<Record<string, string>> = {}): void {
  write(places.on(CONFIG), grubConfig(kernels));
  write(places.on(ENVIRONMENT), grubEnvironment(variables));
  for (const program of ['grub-reboot', 'grub-set-default', 'update-grub'])
    write(places.on(`/usr/sbin/${program}`), '');
}

/** GRUB's own programs, as far as they are asked for anything. */
const run: Run = (command) => {
  programs.push(command.join(' '));
  const [program, first = '', verb = '', name = ''] = command;
  const file = places.on(ENVIRONMENT);
  const variables = Object.fromEntries(readEnvironment(readFileSync(file, 'latin1')));
  if (program === 'grub-set-default') variables['saved_entry'] = first;
  if (program === 'grub-reboot') variables['next_entry'] = first;
  if (program === 'grub-editenv' && verb === 'unset') variables[name] = '';
  write(file, grubEnvironment(variables));
  if (program !== 'update-grub') return Promise.resolve();
  const isPrepared = existsSync(places.on('/etc/default/grub.d/zz-refit.cfg'));
  write(places.on(CONFIG), grubConfig([NEW, OLD], { isPrepared }));
  return Promise.resolve();
};

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
    expect(programs.slice(calls)).toEqual([`grub-set-default ${entryId(OLD)}`]);
    expect(readFileSync(places.on('/etc/default/grub.d/zz-refit.cfg'), 'utf8')).toContain('panic=5');
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
    expect(loader().setStandardCommand(OLD)).toBe(`grub-set-default '${entryId(OLD)}'`);
  });

  test('taken away it is as it was', async () => {
    debian([NEW, OLD], { saved_entry: 'mine' });
    const before = [readFileSync(places.on(CONFIG), 'utf8'), loader().saved()];
    await loader().prepare(OLD, run);

    await loader().restore('mine', run);

    expect([readFileSync(places.on(CONFIG), 'utf8'), loader().saved()]).toEqual(before);
    expect(existsSync(places.on('/etc/grub.d/06_refit-fallback'))).toBe(false);
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
    ['no programs', () => rmSync(places.on('/usr/sbin/grub-reboot')), 'install the package grub2-common'],
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

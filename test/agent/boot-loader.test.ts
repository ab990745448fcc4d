import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  beginKernelTrial,
  endKernelTrial,
  hasConfirmUnit,
  kernelOnTrial,
  removeKernelTrial,
} from '../../agent/boot-loader/boot-confirm.ts';
import type { BootLoader, Run } from '../../agent/boot-loader/boot-loader.ts';
import { findBootLoader, needBootLoader } from '../../agent/boot-loader/find.ts';
import { kernelOf, readEnvironment, readMenu } from '../../agent/boot-loader/grub-menu.ts';
import { menuProgram } from '../../agent/boot-loader/menu-program.ts';
import { findMount } from '../../agent/boot-loader/mounts.ts';
import { mustRun } from '../../agent/commands.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import { entryId, grubConfig, grubEnvironment, submenuEntryId } from './grub-config.ts';
import { eventually } from '../eventually.ts';
import { write, writeProgram } from './test-host.ts';

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

const UPDATE_GRUB = '/usr/sbin/update-grub';

function debian(kernels: readonly string[], variables: Readonly<Record<string, string>> = {}): void {
  write(places.on(CONFIG), grubConfig(kernels));
  write(places.on(ENVIRONMENT), grubEnvironment(variables));
  write(places.on('/usr/bin/grub-editenv'), '');
  updateGrub(`if [ -e ${places.on(SETTINGS)} ]; then cp prepared "$2"; else cp plain "$2"; fi`);
}

/** What the host's own update-grub does with `-o FILE`; `prepared` and `plain` lie where it works. */
function updateGrub(does: string): void {
  const folder = places.on('/menus');
  write(join(folder, 'prepared'), grubConfig([NEW, OLD], { isPrepared: true }));
  write(join(folder, 'plain'), grubConfig([NEW, OLD]));
  program(UPDATE_GRUB, `cd ${folder}\n${does}`);
}

/** GRUB's own programs, as far as they are asked for anything: the file that they are given, and no other. */
const run: Run = async (command) => {
  const [program = '', file = '', ...words] = command;
  programs.push([program, ...words].join(' ').replaceAll(places.root, ''));
  if (program === 'grub-editenv') editEnvironment(file, words);
  else await mustRun(command, { timeoutMs: 10_000 });
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

/** A program of the host's, before those of this machine. */
const program = (path: string, does: string): void => writeProgram(places.on(path), does);
const hostsPrograms = (): { PATH: string } => ({ PATH: `${places.on('/bin')}:${process.env['PATH'] ?? ''}` });

/** A command that names the host's own paths. */
const onHost = (command: string): string => command.replaceAll(/(?<![\w/])\/(boot|run)\//g, (path) => places.on(path));
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

    expect([loader().defaultKernel(), loader().once(), loader().isPrepared()]).toEqual([NEW, null, false]);
    expect(loader().problem()).toBeNull();
  });

  test('set up to fall back the given kernel is the default, whatever is newer', async () => {
    debian([NEW, OLD]);

    await loader().prepare(OLD, run);
    const calls = programs.length;
    await loader().prepare(OLD, run);

    expect([loader().defaultKernel(), loader().isPrepared()]).toEqual([OLD, true]);
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
    const armed = [loader().once(), loader().defaultKernel()];
    await loader().clearOnce(run);
    const cleared = loader().once();
    await loader().setDefault(NEW, run);

    expect([armed, cleared, loader().defaultKernel()]).toEqual([[NEW, OLD], null, NEW]);
    expect(loader().setDefaultCommand(OLD).split(' && ')).toEqual([
      'cp /boot/grub/grubenv /run/refit-grubenv-of-trial',
      'grub-editenv /run/refit-grubenv-of-trial unset prev_saved_entry next_entry',
      `grub-editenv /run/refit-grubenv-of-trial set saved_entry='${entryId(OLD)}'`,
      'dd if=/run/refit-grubenv-of-trial of=/boot/grub/grubenv bs=1024 conv=notrunc,fsync status=none',
      'rm /run/refit-grubenv-of-trial',
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

  const read = (): readonly string[] => [CONFIG, ENVIRONMENT].map((path) => readFileSync(places.on(path), 'utf8'));

  test('cut off in the middle of grub-editenv, what it reads is as it was', async () => {
    debian([NEW, OLD], { saved_entry: 'mine' });
    const before = read();
    const cutOff: Run = ([, file = '']) => {
      write(file, '');
      return Promise.reject(new Error('no power'));
    };

    await expect(loader().prepare(OLD, cutOff)).rejects.toThrow('no power');

    expect(read()).toEqual(before);
  });

  test.each([
    ['half of a menu and dies', 'echo half > "$2"; kill -9 $$'],
    ['nothing and says so', 'exit 3'],
  ])('where update-grub writes %s, what it reads is as it was', async (_, does) => {
    debian([NEW, OLD], { saved_entry: 'mine' });
    const [config] = read();
    updateGrub(does);

    await expect(loader().prepare(OLD, run)).rejects.toThrow('update-grub exited with');

    expect(read()).toEqual([config, grubEnvironment({ saved_entry: submenuEntryId(OLD) })]);
  });

  test('its environment is written over in its place, since GRUB would not see a new one that only the journal knows', async () => {
    debian([NEW, OLD]);
    const { ino } = statSync(places.on(ENVIRONMENT));

    await loader().setDefault(OLD, run);
    program('/bin/grub-editenv', 'exit 0');
    await mustRun(['sh', '-c', onHost(loader().setDefaultCommand(NEW))], { timeoutMs: 10_000, env: hostsPrograms() });

    expect(statSync(places.on(ENVIRONMENT))).toMatchObject({ ino, size: 1_024 });
    expect(readdirSync(places.on('/run'))).toEqual([]);
  });

  test('a package’s own call of update-grub takes the same way, and one with options of its own the host’s', async () => {
    debian([NEW, OLD]);
    await loader().prepare(OLD, run);
    updateGrub('echo "$@" > "$2"');

    await mustRun([menuProgram(places)], { timeoutMs: 10_000 });
    await mustRun([menuProgram(places), '--output', places.on('/elsewhere')], { timeoutMs: 10_000 });

    expect(readFileSync(places.on(CONFIG), 'utf8')).toBe(`-o ${places.on('/boot/grub/.grub.cfg.refit-partial')}\n`);
    expect(readFileSync(places.on('/elsewhere'), 'utf8')).toBe(`--output ${places.on('/elsewhere')}\n`);
  });

  test('a kernel that it has no entry for is named with those there are', async () => {
    debian([OLD]);

    await expect(loader().setDefault('5.10', run)).rejects.toThrow(`no entry for kernel 5.10; it has: ${OLD}`);
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
    beginKernelTrial(places, trial);
    const during = [kernelOnTrial(places), hasConfirmUnit(places)];

    endKernelTrial(places);

    expect(during).toEqual([NEW, true]);
    expect([kernelOnTrial(places), hasConfirmUnit(places)]).toEqual([null, true]);
    expect(existsSync(join(places.units, 'sysinit.target.wants/refit-boot-confirm.service'))).toBe(true);
  });

  test('leaves nothing when it is removed', () => {
    beginKernelTrial(places, trial);

    removeKernelTrial(places);

    expect([kernelOnTrial(places), hasConfirmUnit(places)]).toEqual([null, false]);
    expect(existsSync(places.on('/etc/refit-kernel'))).toBe(false);
  });

  describe('that is not confirmed', () => {
    /** The script that its unit runs, on a host whose kernel, time and service manager are these. */
    const script = async (running: string, signal?: AbortSignal): Promise<readonly string[]> => {
      program('/bin/uname', `echo ${running}`);
      program('/bin/systemctl', `echo systemctl "$@" >> ${places.on('/said')}; exit 1`);
      const text = readFileSync(places.on('/etc/refit-kernel/boot-confirm'), 'utf8');
      write(places.on('/script'), text.replaceAll('> /proc/sysrq-trigger', `>> ${places.on('/said')}`));
      await mustRun(['sh', places.on('/script')], { timeoutMs: 10_000, env: hostsPrograms(), signal });
      return said();
    };
    const said = (): readonly string[] =>
      existsSync(places.on('/said')) ? readFileSync(places.on('/said'), 'utf8').trim().split('\n') : [];
    const begin = (back = `echo "it's back" >> ${places.on('/said')}`): void =>
      beginKernelTrial(places, { kernel: NEW, withinMs: 2_000, back });
    // Time passes at once, but for what ends a restart that hangs.
    beforeEach(() => program('/bin/sleep', '[ "$1" != 180 ]'));

    test('goes back when its time is over: the default first, then a restart, whatever the service manager does', async () => {
      begin();

      expect(await script(NEW)).toEqual(["it's back", 'systemctl reboot --force', 'b']);
      expect(kernelOnTrial(places)).toBeNull();
    });

    test('goes back from a disk that can’t be written, too: nobody can have confirmed it there', async () => {
      begin();
      program('/bin/mv', 'echo Read-only file system >&2; exit 1');

      expect(await script(NEW)).toEqual(["it's back", 'systemctl reboot --force', 'b']);
    });

    test('restarts all the same when the way back hangs', async () => {
      begin('/bin/sleep 60');
      program('/bin/sleep', 'exit 0');
      const end = new AbortController();

      const hanging = script(NEW, end.signal);
      await eventually(() => expect(said()).toEqual(['b']));
      end.abort();

      await expect(hanging).rejects.toThrow('was stopped');
    });

    test('stays when it is confirmed in the moment in which its time is over', async () => {
      begin();
      program('/bin/mv', 'rm "$1"; exit 1');

      expect([await script(NEW), kernelOnTrial(places)]).toEqual([[], null]);
    });

    test('is told so when it is healthy after that, and a next trial begins anew', async () => {
      begin();
      await script(NEW);

      const late = endKernelTrial(places);
      begin();

      expect([late, endKernelTrial(places), endKernelTrial(places)]).toEqual([false, true, true]);
    });

    test('is left alone once it is confirmed, and so is another kernel', async () => {
      begin();
      const other = await script(OLD);
      endKernelTrial(places);

      expect([other, await script(NEW)]).toEqual([[], []]);
    });
  });
});

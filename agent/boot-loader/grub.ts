import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { overwriteDurably, syncFolder, writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';
import type { BootLoader, Run } from './boot-loader.ts';
import { kernelOf, readEnvironment, readMenu, type MenuEntry } from './grub-menu.ts';
import { menuProgram, writeMenuProgram } from './menu-program.ts';
import { mountOf, type Mount } from './mounts.ts';

const CONFIG = '/boot/grub/grub.cfg';
const ENVIRONMENT = '/boot/grub/grubenv';
/** GRUB writes it in place, block by block, and never makes it longer; bytes. */
const ENVIRONMENT_BYTES = 1_024;
/**
 * Where the next one is made: in memory, since a full /boot must not keep a host from its way back. The agent and a trial whose
 * time is over may be at it in the same moment, so each has one of its own.
 */
const DRAFT = '/run/refit-grubenv';
const DRAFT_OF_TRIAL = '/run/refit-grubenv-of-trial';
/** It clears the one-shot entry only where it can write. */
const WRITABLE_TYPES = ['ext2', 'ext3', 'ext4', 'xfs', 'vfat'];
/** What was written last may lie in their journals alone for long, even after a sync, and GRUB reads no journal. */
const LATE_TYPES = ['xfs'];
const WRITABLE_DEVICE = /^\/dev\/(?!md|mapper\/|dm-)/;

/** Last of its folder, so that nothing else has the last word. */
const SETTINGS = '/etc/default/grub.d/zz-refit.cfg';
const FALLBACK = '/etc/grub.d/06_refit-fallback';
/** Entry ids don't work there: of two kernels each has an entry of its own and one for recovery. */
const FALLBACK_LINE = 'set fallback="0 1 2 3"';
/** Seconds from a panic to the restart. */
const PANIC = 'panic=5';

const settings = `# Written by refit: a host comes back from a kernel that does not start.
GRUB_DEFAULT=saved
GRUB_DISABLE_SUBMENU=y
GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX ${PANIC}"
`;
const fallback = `#!/bin/sh
# Written by refit: a kernel's image that can't be loaded leads to the next entry, not to a menu that waits for ever.
echo '${FALLBACK_LINE}'
`;

const PROGRAMS = ['/usr/bin/grub-editenv', '/usr/sbin/update-grub'];

/** What grub-editenv is asked for: its verb and what follows. */
type Edit = readonly ['set' | 'unset', ...names: readonly string[]];

/** As grub-set-default has it, in one. */
const defaultEdits = (id: string): readonly Edit[] => [
  ['unset', 'prev_saved_entry', 'next_entry'],
  ['set', `saved_entry=${id}`],
];

/** GRUB 2 as Debian sets it up. null: there is none. */
export function grub(places: Places): BootLoader | null {
  const config = places.on(CONFIG);
  const environment = places.on(ENVIRONMENT);
  if (!existsSync(dirname(config))) return null;
  const text = (): string => (existsSync(config) ? readFileSync(config, 'utf8') : '');
  const variable = (name: string): string | null => {
    if (!existsSync(environment)) return null;
    return readEnvironment(readFileSync(environment, 'latin1')).get(name) || null;
  };
  const kernelNamed = (name: string | null): string | null => (name === null ? null : kernelOf(readMenu(text()), name));
  const isPrepared = (): boolean =>
    existsSync(places.on(SETTINGS)) && existsSync(places.on(FALLBACK)) && isSafe(text());
  // Its own program empties the file before it writes it: without power in between GRUB would not know what to start.
  const edit = async (run: Run, edits: readonly Edit[]): Promise<void> => {
    const draft = places.on(DRAFT);
    mkdirSync(dirname(draft), { recursive: true });
    copyFileSync(environment, draft);
    for (const words of edits) await run(['grub-editenv', draft, ...words]);
    overwriteDurably(environment, readFileSync(draft));
    rmSync(draft);
  };
  const setDefault = async (kernel: string, run: Run): Promise<void> =>
    edit(run, defaultEdits(entryOf(readMenu(text()), kernel).id));
  const rewrite = (run: Run): Promise<void> => run([menuProgram(places)]);
  return {
    name: 'grub',
    problem: () => problemOf(places, { config: text(), mount: mountOf(places, '/boot') }),
    isPrepared,
    kernels: () => readMenu(text()).map(({ kernel }) => kernel),
    defaultKernel: () => {
      const saves = text().includes('set default="${saved_entry}"');
      return kernelNamed(saves ? variable('saved_entry') : (/^\s+set default="([^"$]+)"$/m.exec(text())?.[1] ?? null));
    },
    once: () => kernelNamed(variable('next_entry')),
    saved: () => variable('saved_entry'),
    prepare: async (kernel, run) => {
      writeMenuProgram(places, CONFIG);
      await setDefault(kernel, run);
      if (isPrepared()) return;
      writeDurably(places.on(SETTINGS), settings);
      writeDurably(places.on(FALLBACK), fallback, 0o755);
      await rewrite(run);
      // Its entry may lie in another place now.
      await setDefault(kernel, run);
      if (!isPrepared()) throw new Error(`update-grub left ${CONFIG} without a way back; look at ${SETTINGS}`);
    },
    restore: async (saved, run) => {
      const files = [SETTINGS, FALLBACK].map(places.on).filter((file) => existsSync(file));
      for (const file of files) {
        rmSync(file);
        syncFolder(dirname(file));
      }
      // Cut off between the two, the files are gone and what was made of them is not.
      if (files.length > 0 || text().includes(FALLBACK_LINE)) await rewrite(run);
      await edit(run, saved === null ? [['unset', 'saved_entry']] : defaultEdits(saved));
      rmSync(dirname(menuProgram(places)), { recursive: true, force: true });
    },
    startOnce: async (kernel, run) => edit(run, [['set', `next_entry=${entryOf(readMenu(text()), kernel).id}`]]),
    clearOnce: (run) => edit(run, [['unset', 'next_entry']]),
    setDefault,
    setDefaultCommand: (kernel) => defaultCommand(entryOf(readMenu(text()), kernel).id),
  };
}

/** The same without an agent, in the shell. */
function defaultCommand(id: string): string {
  const edits = defaultEdits(`'${id.replaceAll("'", '')}'`).map(
    (words) => `grub-editenv ${DRAFT_OF_TRIAL} ${words.join(' ')}`,
  );
  const overwrite = `dd if=${DRAFT_OF_TRIAL} of=${ENVIRONMENT} bs=${ENVIRONMENT_BYTES} conv=notrunc,fsync status=none`;
  return [`cp ${ENVIRONMENT} ${DRAFT_OF_TRIAL}`, ...edits, overwrite, `rm ${DRAFT_OF_TRIAL}`].join(' && ');
}

/** All that makes a host fall back is in what GRUB reads. */
const isSafe = (config: string): boolean =>
  [FALLBACK_LINE, 'set default="${saved_entry}"', PANIC].every((part) => config.includes(part));

/** An entry of its own, not the first one of the menu, which is another kernel's tomorrow. */
function entryOf(entries: readonly MenuEntry[], kernel: string): MenuEntry {
  const own = entries.filter((entry) => entry.kernel === kernel);
  const found = own.find(({ id }) => id.includes(kernel)) ?? own[0];
  if (found !== undefined) return found;
  const known = [...new Set(entries.map((entry) => entry.kernel))].join(', ') || 'none';
  throw new Error(`GRUB has no entry for kernel ${kernel}; it has: ${known}`);
}

function problemOf(places: Places, { config, mount }: { config: string; mount: Mount | null }): string | null {
  if (config === '') return `${CONFIG} is not there`;
  if (!config.includes('next_entry')) return `${CONFIG} knows no entry that is started once; make it with update-grub`;
  const environment = places.on(ENVIRONMENT);
  if (!existsSync(environment)) return `${ENVIRONMENT} is not there; make it with: grub-editenv - create`;
  const info = statSync(environment);
  if (!info.isFile() || info.size !== ENVIRONMENT_BYTES) {
    return `${ENVIRONMENT} is no block of ${ENVIRONMENT_BYTES} bytes; make it anew with: grub-editenv - create`;
  }
  if (mount !== null && !WRITABLE_TYPES.includes(mount.type)) {
    return `/boot is on ${mount.type}, where GRUB can't write, so it would start a bad kernel again and again`;
  }
  if (mount !== null && LATE_TYPES.includes(mount.type)) {
    return `/boot is on ${mount.type}, whose journal GRUB does not read, so that after a loss of power it may not find what was written last; put /boot on ext4`;
  }
  if (mount !== null && mount.device.startsWith('/') && !WRITABLE_DEVICE.test(mount.device)) {
    return `/boot is on ${mount.device}, where GRUB can't write, so it would start a bad kernel again and again`;
  }
  // A preflight container does not see the host's programs.
  const missing = existsSync(places.on('/usr/sbin')) ? PROGRAMS.filter((file) => !existsSync(places.on(file))) : [];
  return missing.length === 0 ? null : `${missing.join(', ')} is not there; install the package grub2-common`;
}

import { existsSync, realpathSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { partialOf, writeDurably } from '../durable.ts';
import { STATE_FOLDER, type Places } from '../places.ts';

const PROGRAM = `${STATE_FOLDER}/boot-programs/update-grub`;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * GRUB reads a file system without its journal. So the new menu is on the disk with all that leads to it before it gets the
 * name, and the earlier one, as it is still open, loses no block to another file until the name has followed.
 */
const program = (menu: string, updateGrub: string): string => `#!/bin/sh
# Written by refit: update-grub as kernel packages call it while refit installs or removes them. At any moment GRUB finds
# the earlier menu or the new one, whole.
set -e
[ $# -eq 0 ] || exec ${updateGrub} "$@"
exec 3< ${menu}
${updateGrub} -o ${partialOf(menu)}
sync -f ${partialOf(menu)}
mv ${partialOf(menu)} ${menu}
sync -f ${menu}
`;

export const menuProgram = (places: Places): string => places.on(PROGRAM);

/** Puts the program there, which replaces what GRUB reads in one step. */
export function writeMenuProgram(places: Places, config: string): void {
  const menu = realpathSync(places.on(config));
  writeDurably(menuProgram(places), program(menu, places.on('/usr/sbin/update-grub')), 0o755);
}

/** Where dpkg and its packages' scripts find programs: refit's own update-grub first, where it is there. */
export function programPath(places: Places): string {
  const path = process.env['PATH'] ?? SYSTEM_PATH;
  return existsSync(menuProgram(places)) ? `${dirname(menuProgram(places))}${delimiter}${path}` : path;
}

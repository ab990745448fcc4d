import { existsSync } from 'node:fs';
import type { Places } from '../places.ts';
import type { BootLoader } from './boot-loader.ts';
import { grub } from './grub.ts';

/** Where systemd-boot has its entries, whose names would count the tries that are left. */
const SYSTEMD_BOOT = ['/boot/loader/entries', '/boot/efi/loader/entries', '/efi/loader/entries'];

/** The boot loader that the host has; a text: there is none that refit can use, and why. */
export function findBootLoader(places: Places): BootLoader | string {
  const found = grub(places);
  if (found !== null) return found;
  if (SYSTEMD_BOOT.some((folder) => existsSync(places.on(folder)))) {
    return 'its boot loader is systemd-boot, whose counting of tries refit does not use yet';
  }
  return 'no boot loader is found in /boot, such as GRUB';
}

/** Throws where a kernel that does not start would not lead back. */
export function needBootLoader(places: Places): BootLoader {
  const loader = findBootLoader(places);
  const problem = typeof loader === 'string' ? loader : loader.problem();
  if (typeof loader === 'string' || problem !== null) {
    throw new Error(`the host could not come back from a kernel that does not start: ${problem ?? ''}`);
  }
  return loader;
}

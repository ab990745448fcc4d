import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { mustRun } from './commands.ts';
import { writeDurably } from './durable.ts';
import type { Places } from './places.ts';
import type { Boot } from './ports.ts';
import { sha256 } from './releases.ts';

/** Longest time until the service manager has taken the wish; ms. The reboot itself comes after. */
const ASK_MS = 30_000;
/** Enough of a digest to tell boots apart. */
const ID_DIGITS = 32;

/**
 * The boot, by the kernel's id and a mark in /run. The kernel's id alone is not enough: a host that is a container
 * reboots without its kernel, and then it is the mark that is gone.
 */
export function hostBoot(places: Places): Boot {
  const bootId = sha256(`${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')}\n${readMark(places.bootMark)}`);
  return {
    bootId: () => bootId.slice(0, ID_DIGITS),
    kernel: release,
    reboot: async () => {
      await mustRun(['systemctl', 'reboot'], { timeoutMs: ASK_MS });
    },
  };
}

function readMark(path: string): string {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeDurably(path, `${randomBytes(16).toString('hex')}\n`);
  }
  return readFileSync(path, 'utf8');
}

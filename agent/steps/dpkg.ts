import { existsSync, readdirSync } from 'node:fs';
import { pause } from '../../drivers/pause.ts';
import { programPath } from '../boot-loader/menu-program.ts';
import { lastWords, runCommand, type CommandEnd } from '../commands.ts';
import type { StepSite } from './kind.ts';

/** Longest run of dpkg; ms. The host's own deadline ends it earlier. */
export const DPKG_MS = 20 * 60_000;
/**
 * How long another's hold on dpkg's database is waited for, and how often it is tried; ms. A host's own upgrades, which it makes up
 * for after a boot, take minutes. Less than one undo has, so that it ends in these words.
 */
const LOCK_WAIT_MS = 240_000;
const LOCK_RETRY_MS = 500;

/** Configuration files that an operator changed stay; others come from the package. */
export const KEEP_CONFIGURATION = ['--force-confold', '--force-confdef'];

/** A run of dpkg that was cut off leaves its database half-way: finished first; what still fails, the next run replaces. */
export async function repair(site: StepSite): Promise<void> {
  const updates = site.places.on('/var/lib/dpkg/updates');
  const isCutOff = existsSync(updates) && readdirSync(updates).length > 0;
  const audit = await runCommand(['dpkg', '--audit'], { timeoutMs: DPKG_MS, signal: site.signal });
  if (!isCutOff && audit.exitCode === 0 && audit.stdout.trim() === '') return;
  await runDpkg(site, ['--configure', '--pending', ...KEEP_CONFIGURATION]);
}

/** Throws with its last words when it fails. */
export async function dpkg(site: StepSite, args: readonly string[], input?: string): Promise<void> {
  const end = await runDpkg(site, args, input);
  if (end.exitCode !== 0) throw new Error(`dpkg ${args[0] ?? ''} exited with ${end.exitCode}: ${lastWords(end)}`);
}

/** Waits while another holds the database: an operator's apt, or the host's own. */
async function runDpkg(site: StepSite, args: readonly string[], input?: string): Promise<CommandEnd> {
  const attempts = LOCK_WAIT_MS / LOCK_RETRY_MS;
  for (let attempt = 1; ; attempt += 1) {
    const end = await runCommand(['dpkg', ...args], {
      timeoutMs: DPKG_MS,
      signal: site.signal,
      input,
      env: { DEBIAN_FRONTEND: 'noninteractive', PATH: programPath(site.places) },
    });
    if (!isLocked(end)) return end;
    if (attempt >= attempts) {
      throw new Error(`another process held dpkg's database for ${LOCK_WAIT_MS / 1000} s: ${lastWords(end)}`);
    }
    await pause(LOCK_RETRY_MS, site.signal);
  }
}

const isLocked = (end: CommandEnd): boolean =>
  end.exitCode === 2 && /is locked by another process|frontend lock/.test(end.stderr);

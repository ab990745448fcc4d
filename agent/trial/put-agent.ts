import { existsSync, lstatSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { AGENT_UNIT } from '../download/unit-file.ts';
import { syncFolder, writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';
import type { Agent } from './trial.ts';

/** What is there; null: that part is missing. */
export type Found = { readonly [Part in keyof Agent]: string | null };

export function findAgent(places: Places): Found {
  return {
    version: linkedVersion(places),
    config: readText(places.config),
    unit: readText(join(places.units, AGENT_UNIT)),
  };
}

/** From here on it is the one that starts. Idempotent; what is as it should be is not written, which a full disk allows. */
export function putAgent(places: Places, { version, config, unit }: Agent): void {
  replace(places.config, config, 0o600);
  replace(join(places.units, AGENT_UNIT), unit, 0o644);
  if (linkedVersion(places) !== version) point(places, version);
}

function replace(path: string, text: string, mode: number): void {
  if (readText(path) !== text) writeDurably(path, text, mode);
}

/** Swapped in one step: there is no instant without an agent to start. */
function point(places: Places, version: string): void {
  const next = join(places.agents, 'next');
  rmSync(next, { force: true });
  symlinkSync(version, next);
  renameSync(next, join(places.agents, 'current'));
  syncFolder(places.agents);
}

function linkedVersion(places: Places): string | null {
  const current = join(places.agents, 'current');
  return lstatSync(current, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(current) : null;
}

export const readText = (path: string): string | null => (existsSync(path) ? readFileSync(path, 'utf8') : null);

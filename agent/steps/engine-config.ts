import { lstatSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { replaceFile, writeSynced } from '../durable.ts';
import type { Json } from '../ports.ts';
import type { Places } from '../places.ts';
import { captureFile, putBack, type Earlier } from './earlier-file.ts';
import type { StepSite } from './kind.ts';
import { own, PERMISSIONS } from './plain-file.ts';

/** Where an engine reads its settings unless its unit says otherwise. */
const FILE = '/etc/docker/daemon.json';
const FILE_MODE = 0o644;
const Settings = z.record(z.string(), z.unknown());

/** Copied, not read into the journal: it may hold a proxy's password. Throws when no engine would start with it. */
export function captureEngineConfig(site: StepSite): Promise<Earlier & Json> {
  checkEngineConfig(site.places);
  return captureFile({ from: FILE, to: FILE }, { index: 0, fate: 'plain', site });
}

export function putEngineConfigBack(earlier: Earlier, site: StepSite): void {
  putBack(earlier, site.places.on(FILE), site);
}

/** Throws when no engine would start with it. */
export const checkEngineConfig = (places: Places): void => void withLiveRestore(readConfig(places), true);

/** In the file alone; an engine that runs reads it when it is told to. */
export function writeLiveRestore(places: Places, isOn: boolean): void {
  const path = places.on(FILE);
  const config = withLiveRestore(readConfig(places), isOn);
  if (config === null) return;
  const found = lstatSync(path, { throwIfNoEntry: false });
  replaceFile(path, (partial) => {
    const mode = found?.isFile() === true ? found.mode & PERMISSIONS : FILE_MODE;
    writeSynced(partial, config, mode);
    if (found !== undefined) own(partial, found, mode);
  });
}

/** The configuration with this one setting; null: it says that already. Pure. */
export function withLiveRestore(config: string | null, isOn: boolean): string | null {
  const settings = Settings.safeParse(toValue(config ?? ''));
  if (!settings.success)
    throw new Error(`${FILE} is JSON, but no object, and no engine starts with it; mend it by hand`);
  if (settings.data['live-restore'] === isOn) return null;
  return `${JSON.stringify({ ...settings.data, 'live-restore': isOn }, null, 2)}\n`;
}

/** null: there is none, and the engine has its own defaults. */
function readConfig(places: Places): string | null {
  try {
    return readFileSync(places.on(FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The parser's own message would quote the file. */
function toValue(config: string): unknown {
  try {
    return JSON.parse(config.trim() === '' ? '{}' : config);
  } catch {
    throw new Error(`${FILE} is not JSON, and no engine starts with it; mend it by hand`);
  }
}

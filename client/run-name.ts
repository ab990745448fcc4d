import { parseUpgradeId, type UpgradeId } from '../model/ids.ts';

/** Longest name of an upgrade; model/ids.ts says why. */
const MAX_LENGTH = 63;
/** Most of a request's key that a name has; no two requests have the same. */
const KEY_LENGTH = 40;

/** `web-mi8k2x1a`: whose upgrade it is, and when it was asked for; unique without a look at those before, and in their order. */
export const runName = (whose: string, now: number): UpgradeId => nameWith(whose, now.toString(36));

/** The same name whenever the same is asked for: `key` is the request's own. */
export const nameOfRequest = (whose: string, key: string): UpgradeId => nameWith(whose, key.slice(0, KEY_LENGTH));

function nameWith(whose: string, end: string): UpgradeId {
  const name = whose
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, MAX_LENGTH - end.length - 1);
  return parseUpgradeId(name === '' ? end : `${name}-${end}`);
}

import { parseUpgradeId, type UpgradeId } from '../model/ids.ts';

/** Longest name of an upgrade; model/ids.ts says why. */
const MAX_LENGTH = 63;

/** `web-mi8k2x1a`: whose upgrade it is, and when it was asked for; unique without a look at those before, and in their order. */
export function runName(whose: string, now: number): UpgradeId {
  const when = now.toString(36);
  const name = whose
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, MAX_LENGTH - when.length - 1);
  return parseUpgradeId(name === '' ? when : `${name}-${when}`);
}

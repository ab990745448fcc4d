import { z } from 'zod';
import type { Progress } from '../../model/upgrade.ts';
import { upgradeSchema } from '../api/schemas/upgrade.ts';
import type { FoundUpgrade } from '../find-upgrade.ts';

/** An upgrade as programs read it, here and from the API: the model's fields, every time as ISO 8601. */
export const progressDocument = (progress: Progress): unknown => z.encode(upgradeSchema, progress);

/** A line of `refit upgrades list --json`. */
export function foundDocument(found: FoundUpgrade): object {
  const { id, release, state, phase, requestedBy } = found;
  return { id, release, state, phase, requestedBy, startedAt: iso(found.startedAt), finishedAt: iso(found.finishedAt) };
}

export const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

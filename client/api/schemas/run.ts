import { z } from 'zod';
import type { FoundUpgrade } from '../../find-upgrade.ts';
import type { RunLook } from '../../run-look.ts';
import { upgradeId } from './fields.ts';
import { foundSchema } from './upgrade.ts';

/** A run of a service, unit or container: by its own id, or the latest. */
export const runName = z
  .union([z.literal('latest'), z.uuid()])
  .meta({ description: '`latest`, or the id of a run as Location and `runId` have it.' });

/** Where a run is, as events carry it. */
export const lookSchema = <Progress>(progress: z.ZodType<Progress>, id: string): z.ZodType<RunLook<Progress>> =>
  z
    .discriminatedUnion('run', [
      z.object({ run: z.enum(['live', 'ended']), progress }),
      z.object({
        run: z.enum(['refused', 'closed']),
        because: z.string().describe('Why: wrong input, or it was closed before it could say how it ended.'),
      }),
    ])
    .meta({ id, description: 'Where a run is.' });

/** `found` null: it was asked for by its own id. */
export type RunDocument<Progress> = {
  readonly runId: string;
  readonly found: FoundUpgrade | null;
  readonly look: RunLook<Progress>;
};

/** The answer of `…/upgrades/{run}`. */
export const runSchema = <Progress>(look: z.ZodType<RunLook<Progress>>, id: string): z.ZodType<RunDocument<Progress>> =>
  z
    .object({
      runId: z.string(),
      found: foundSchema.nullable().describe('null: it was asked for by its own id.'),
      look,
    })
    .meta({ id, description: 'A run, and where it is.' });

/** Long work on a service, unit or container has begun. */
export const startedRunSchema = z
  .object({
    id: upgradeId,
    runId: z.string().describe('Of its run; another start has another.'),
    href: z.string().describe('Its address, as in Location.'),
  })
  .meta({ id: 'StartedRun', description: 'It has begun; follow it at its address.' });

import { z } from 'zod';
import { parseDigest } from '../../model/ids.ts';
import type { ChainEntry, SupportedJump } from '../../model/release.ts';

// Part of release.json: the agent runs this on every host, so nothing but zod and the model is imported here.

/** Texts are what there was before anything could stand against a range, and what is still written of those. */
const UpgradesFrom = z.array(
  z.union([
    z.string().transform((range): SupportedJump => ({ range, limit: { limit: 'none' } })),
    z.object({
      range: z.string(),
      limit: z.discriminatedUnion('limit', [
        z.object({ limit: z.literal('none') }),
        z.object({ limit: z.literal('blocked'), reason: z.string() }),
        z.object({ limit: z.literal('risk'), name: z.string(), reason: z.string() }),
      ]),
    }),
  ]),
);
const Components = z.record(z.string(), z.string()).default({});
const ImageDigest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .transform(parseDigest);

/** What a release says of the ways to it; of before there were chains it says nothing of them. */
export const jumpsJson = {
  upgradesFrom: UpgradesFrom,
  components: Components,
  chain: z
    .array(
      z.object({
        version: z.string().min(1),
        digest: ImageDigest,
        upgradesFrom: UpgradesFrom,
        components: Components,
      }),
    )
    .default([]),
};

/** As text where it says no more, so that a release without limits keeps its digest. */
export const writtenJumps = (jumps: readonly SupportedJump[]): readonly (string | SupportedJump)[] =>
  jumps.map((jump) => (jump.limit.limit === 'none' ? jump.range : jump));

export const writtenChain = (chain: readonly ChainEntry[]): readonly object[] =>
  chain.map(({ components, upgradesFrom, ...entry }) => ({
    ...entry,
    upgradesFrom: writtenJumps(upgradesFrom),
    ...(Object.keys(components).length > 0 && { components }),
  }));

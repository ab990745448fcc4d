import semver from 'semver';
import { z } from 'zod';
import { parseDigest } from '../../model/ids.ts';
import type { JumpLimit, SupportedJump } from '../../model/release.ts';
import { either, list, matching, name, Version } from './manifest-fields.ts';

// What a release says of the ways to it: versions that it is installed over, and the releases on the way.

/** Most earlier releases that a release knows: far beyond a product's supported ones. */
export const MAX_CHAIN = 64;
/** Most ranges of one release: each is compared with each. */
export const MAX_RANGES = 16;
/** Most components of one release. */
const MAX_COMPONENTS = 32;
/** Longest reason; it stands in plans, which travel as payloads; characters. */
const MAX_REASON = 200;

const Range = matching('a version range such as ^1.4.0', /./, (range) => semver.validRange(range) !== null);
const Reason = matching(`the reason in at most ${MAX_REASON} characters`, /^\S/, ({ length }) => length <= MAX_REASON);

const LimitedRange = z
  .strictObject({
    range: Range,
    blocked: Reason.optional().meta({ description: 'Why nobody can go from there.' }),
    risk: name('a risk').optional().meta({ description: 'Who accepts it by this name can go: --accept-risk NAME' }),
    reason: Reason.optional().meta({ description: 'What the risk is.' }),
  })
  .transform(({ range, ...limits }, context): SupportedJump => {
    const limit = limitOf(limits);
    if (limit !== null) return { range, limit };
    context.addIssue({ code: 'custom', message: LIMIT_FORMS });
    return z.NEVER;
  });
const LIMIT_FORMS =
  'expected either blocked or risk besides range, such as { range: "<1.4.0", blocked: "the reason" } or { range: "1.x", risk: data-loss, reason: "what it is" }';

type Limits = Pick<z.input<typeof LimitedRange>, 'blocked' | 'risk' | 'reason'>;

function limitOf({ blocked, risk, reason }: Limits): JumpLimit | null {
  if (blocked !== undefined && risk === undefined && reason === undefined) return { limit: 'blocked', reason: blocked };
  if (blocked === undefined && risk !== undefined && reason !== undefined) return { limit: 'risk', name: risk, reason };
  return null;
}

const OpenRange = Range.transform((range): SupportedJump => ({ range, limit: { limit: 'none' } }));

export const UpgradesFrom = list(either(OpenRange, LimitedRange)).max(MAX_RANGES).default([]).meta({
  description: 'Versions that it can be installed over, all of them lower; none named: any lower one.',
});

export const Components = z
  .record(name('a component'), Version, {
    error: ({ code }) => (code === 'invalid_key' ? 'a component is named as a host is, such as etcd' : undefined),
  })
  .refine((components) => Object.keys(components).length <= MAX_COMPONENTS, {
    error: `there are more than ${MAX_COMPONENTS} components; name those alone that move by one minor version at a time`,
  })
  .default({})
  .meta({ description: 'Versions of what moves by one minor version at a time, such as etcd: 3.5.9' });

const ImageDigest = matching("the digest of the release's image, such as sha256:…", /^sha256:[0-9a-f]{64}$/)
  .transform(parseDigest)
  .meta({ description: 'Of its image in the same repository: refit release show REF tells the whole entry.' });

export const Chain = list(
  z.strictObject({ version: Version, digest: ImageDigest, upgradesFrom: UpgradesFrom, components: Components }),
)
  .max(MAX_CHAIN)
  .default([])
  .meta({ description: 'Earlier releases, over which a host gets here that can not in one jump.' });

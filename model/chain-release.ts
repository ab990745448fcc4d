import { error } from './finding.ts';
import { RegistryError, type ReadRelease } from './registry.ts';
import { releaseLabel, type ChainEntry, type ReleaseRef, type SupportedJump } from './release.ts';
import type { Finding } from './upgrade.ts';

/** What is wrong with a release of the target's chain, as its registry gave it, or did not; null: nothing. Pure. */
export function judgeChainRelease(
  entry: Pick<ChainEntry, 'version' | 'digest' | 'upgradesFrom'>,
  target: ReleaseRef,
  found: ReadRelease | RegistryError,
): Finding | null {
  const which = `${target.name} ${entry.version} (${entry.digest}) in the chain of ${releaseLabel(target)}`;
  if (found instanceof RegistryError) {
    return found.kind === 'notFound'
      ? error(null, `${which} is not in ${target.repository} any more`, 'push that image there again')
      : error(null, `${which} can't be read: ${found.message}`, 'publish it again, with the same digest');
  }
  const { name, version, upgradesFrom } = found.release;
  const remedy = `build ${releaseLabel(target)} again with the entry that it has in: refit release show`;
  if (name !== target.name || version !== entry.version) {
    return error(null, `${which} is ${releaseLabel({ name, version })} in ${target.repository}`, remedy);
  }
  if (isWithin(entry.upgradesFrom, upgradesFrom)) return null;
  const itself = `says of itself that it can be installed over ${jumpsOf(upgradesFrom)}`;
  return error(null, `${which} ${itself}, and the chain allows more: ${jumpsOf(entry.upgradesFrom)}`, remedy);
}

/** What was learned since may stand against a jump: a chain can leave out, block or put a risk on what its release allows, and no more. */
function isWithin(chain: readonly SupportedJump[], own: readonly SupportedJump[]): boolean {
  if (own.length === 0) return true;
  if (chain.length === 0) return false;
  return chain.every(({ range, limit }) => {
    const allowed = own.find((jump) => jump.range === range)?.limit;
    if (allowed === undefined) return limit.limit === 'blocked';
    if (allowed.limit === 'none' || limit.limit === 'blocked') return true;
    return allowed.limit === 'risk' && limit.limit === 'risk' && allowed.name === limit.name;
  });
}

/** As text, the same for the same jumps in whatever order. */
const jumpsOf = (jumps: readonly SupportedJump[]): string =>
  jumps.length === 0 ? 'anything lower' : jumps.map(jumpOf).sort().join(', ');

function jumpOf({ range, limit }: SupportedJump): string {
  switch (limit.limit) {
    case 'none':
      return range;
    case 'blocked':
      return `${range} (blocked: ${limit.reason})`;
    case 'risk':
      return `${range} (risk ${limit.name}: ${limit.reason})`;
  }
}

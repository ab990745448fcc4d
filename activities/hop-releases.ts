import { judgeChainRelease } from '../model/chain-release.ts';
import type { Digest } from '../model/ids.ts';
import type { Stop } from '../model/plan-hops.ts';
import { RegistryError, type ReadRelease } from '../model/registry.ts';
import type { Finding } from '../model/upgrade.ts';
import { inParallel } from './parallel.ts';
import type { ReleaseCache } from './release-cache.ts';

/** Releases that are read at the same time. */
const MAX_PARALLEL = 4;

/** `problems`: what is wrong with some of them; those have no release here. */
export type HopReleases = {
  readonly releases: ReadonlyMap<Digest, ReadRelease>;
  readonly problems: readonly Finding[];
};

/**
 * Reads the releases on the hosts' paths from the target's repository, by digest. One that is gone, or another than the
 * chain says, is a finding; a registry that can't be reached is waited for.
 */
export async function readHopReleases(
  releases: ReleaseCache,
  {
    target,
    stops,
    signal,
  }: { readonly target: ReadRelease; readonly stops: readonly Stop[]; readonly signal: AbortSignal },
): Promise<HopReleases> {
  const entries = target.release.chain.filter(({ digest }) => stops.some((stop) => stop.digest === digest));
  const found = await inParallel(entries, MAX_PARALLEL, async (entry) => {
    const read = await readOne(releases, { ...target.ref, digest: entry.digest }, signal);
    const problem = judgeChainRelease(entry, target.ref, read);
    return { read: problem === null && !(read instanceof RegistryError) ? read : null, problem };
  });
  const reads = [...found.flatMap(({ read }) => read ?? []), target];
  return {
    releases: new Map(reads.map((read) => [read.ref.digest, read])),
    problems: found.flatMap(({ problem }) => problem ?? []),
  };
}

async function readOne(
  releases: ReleaseCache,
  ref: ReadRelease['ref'],
  signal: AbortSignal,
): Promise<ReadRelease | RegistryError> {
  try {
    return await releases.read(ref, signal);
  } catch (error) {
    if (error instanceof RegistryError && error.kind !== 'unreachable') return error;
    throw error;
  }
}

import { compareOrders, type HostFacts, type InstalledRelease, type Order, type Report } from './bus.ts';
import { isAtWork } from './agent-phase.ts';
import type { HostId } from './ids.ts';
import type { Path } from './path.ts';
import type { HostOnPath } from './plan-hops.ts';
import type { Policy } from './policy.ts';
import type { ReadRelease } from './registry.ts';
import type { Package, Release, ReleaseRef, Step } from './release.ts';
import type { Finding } from './upgrade.ts';

/** What was read of one host before anything is touched. */
export type HostReading = {
  readonly host: HostId;
  /** Why the host's Docker Engine could not be asked; null: it answered. */
  readonly engineProblem: string | null;
  /** null: they could not be read, `factsProblem` says why. */
  readonly facts: HostFacts | null;
  readonly factsProblem: string | null;
  /** The host's clock against the worker's, positive when it is ahead; ms. */
  readonly clockSkewMs: number;
  readonly order: Order | null;
  readonly report: Report | null;
  /** Unreadable values on the bus. */
  readonly busProblems: readonly string[];
};

export type HostWithPath = HostReading & { readonly path: Path };

export type FleetReading = {
  readonly fleet: string;
  readonly target: ReadRelease;
  readonly policy: Policy;
  /** Releases on the hosts' paths that could be read, ascending; the target is the last. */
  readonly releases: readonly ReadRelease[];
  /** How many releases there are on the hosts' paths. */
  readonly hopCount: number;
  /** What is wrong with releases on the hosts' paths. */
  readonly chainProblems: readonly Finding[];
  readonly hosts: readonly HostWithPath[];
  readonly etcd: { readonly members: number; readonly unhealthy: readonly string[] } | null;
  /** Images of container steps, services and migrations that their registry does not have, with its answer. */
  readonly missingImages: readonly { readonly image: string; readonly problem: string }[];
};

/** What the host is on, by its facts; where they can't be read, by its last report. */
export const installedOf = ({ facts, report }: Pick<HostReading, 'facts' | 'report'>): InstalledRelease | null =>
  (facts ?? report)?.installed ?? null;

/**
 * The release is there already, and nothing else is going on. Facts that no agent gave come from a host whose agent knows of
 * no bus, or is dead: it is brought its agent and ordered, which finds the release there.
 */
export function isAlreadyThere(
  { facts, order, report }: Pick<HostReading, 'facts' | 'order' | 'report'>,
  ref: Pick<ReleaseRef, 'digest'>,
): boolean {
  const word = facts ?? report;
  if (word?.installed?.digest !== ref.digest || word.phase === 'stuck' || isAtWork(word.phase)) return false;
  if (facts !== null && facts.agent === null) return false;
  // An order that was not answered may still be obeyed; one below what the agent reports never will be.
  return order === null || (report !== null && compareOrders(report, order) >= 0);
}

export function hostOnPath(
  reading: HostReading & { readonly path: Path },
  ref: Pick<ReleaseRef, 'digest'>,
): HostOnPath {
  const { host, path, facts } = reading;
  const engine = facts?.engine ?? null;
  return {
    ...{ name: host, installed: installedOf(reading), isThere: isAlreadyThere(reading, ref), path },
    ...(facts !== null && { kernel: facts.kernel }),
    ...(engine !== null && { engine: `${engine.package} ${engine.version}` }),
  };
}

/** All that the release's steps install. */
export const packagesOf = ({ host }: Release): readonly Package[] => host.steps.flatMap(packagesOfStep);

/** Those that take the place of earlier ones, whose files are needed for the way back; a kernel's comes beside the earlier ones. */
export const replacingPackagesOf = ({ host }: Release): readonly Package[] =>
  host.steps.flatMap((step) => (step.type === 'kernel' ? [] : packagesOfStep(step)));

function packagesOfStep(step: Step): readonly Package[] {
  if (step.type === 'kernel') return [step.package];
  return step.type === 'packages' || step.type === 'engine' ? step.packages : [];
}

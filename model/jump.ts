import type { Risk } from './plan.ts';
import type { ChainEntry, JumpLimit, SupportedJump } from './release.ts';
import type { Versions } from './versions.ts';

/** Where a jump begins. `components` null: the chain does not know the version, so its range alone decides. */
export type Place = { readonly version: string; readonly components: ChainEntry['components'] | null };

/** A jump that a release names, with what stands against it; none: it is possible. `risk`: accepted for it. */
export type Jump = { readonly risk: Risk | null; readonly obstacles: readonly Obstacle[] };

/** risk: who accepts it by its name can · blocked, component: nobody can. */
export type Obstacle =
  | { readonly kind: 'risk'; readonly risk: Risk }
  | { readonly kind: 'blocked'; readonly reason: string }
  | { readonly kind: 'component'; readonly reason: string };

export type JumpRules = { readonly versions: Versions; readonly acceptRisks: readonly string[] };

/** One jump, judged by the release that it ends at; null: to it there is none from here. Both are versions. Pure. */
export function judgeJump(rules: JumpRules, from: Place, to: Omit<ChainEntry, 'digest'>): Jump | null {
  if (rules.versions.compare(from.version, to.version) >= 0) return null;
  const limit = limitOf(rules, from.version, to.upgradesFrom);
  if (limit === null) return null;
  const component = blockingComponent(rules.versions, from.components ?? {}, to.components);
  const obstacles = component === null ? [] : [{ kind: 'component' as const, reason: component }];
  switch (limit.limit) {
    case 'none':
      return { risk: null, obstacles };
    case 'blocked':
      return { risk: null, obstacles: [{ kind: 'blocked', reason: limit.reason }, ...obstacles] };
    case 'risk': {
      const risk = { name: limit.name, reason: limit.reason };
      return rules.acceptRisks.includes(risk.name)
        ? { risk, obstacles }
        : { risk: null, obstacles: [{ kind: 'risk', risk }, ...obstacles] };
    }
  }
}

/** Obstacles that a look at the chain passes over, so as to say what stands against a path. */
export type Allowance = readonly Obstacle['kind'][];

export const isPossible = ({ obstacles }: Jump, allowance: Allowance = []): boolean =>
  obstacles.every(({ kind }) => allowance.includes(kind));

/** What stands least against it, where the version is in several ranges: `release build` refuses those, others may not. */
function limitOf(
  { versions, acceptRisks }: JumpRules,
  version: string,
  upgradesFrom: readonly SupportedJump[],
): JumpLimit | null {
  if (upgradesFrom.length === 0) return { limit: 'none' };
  const limits = upgradesFrom.filter(({ range }) => versions.isIn(version, range)).map(({ limit }) => limit);
  return (
    limits.find(({ limit }) => limit === 'none') ??
    limits.find((limit) => limit.limit === 'risk' && acceptRisks.includes(limit.name)) ??
    limits.find(({ limit }) => limit === 'risk') ??
    limits[0] ??
    null
  );
}

/** The first component, in the order of the names, that the jump would move further than one minor version; null: none. */
function blockingComponent(
  versions: Versions,
  from: ChainEntry['components'],
  to: ChainEntry['components'],
): string | null {
  for (const name of Object.keys(to).sort()) {
    const [old, next] = [from[name], to[name]];
    if (old === undefined || next === undefined || isOneStep(versions, old, next)) continue;
    return `it would move ${name} from ${old} to ${next}, which goes up by one minor version at a time`;
  }
  return null;
}

function isOneStep(versions: Versions, old: string, next: string): boolean {
  if (old === next) return true;
  if (!versions.isVersion(old) || !versions.isVersion(next)) return false;
  const minors = versions.minorsApart(old, next);
  return minors !== null && minors <= 1 && versions.compare(old, next) <= 0;
}

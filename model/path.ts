import type { InstalledRelease } from './bus.ts';
import type { Digest } from './ids.ts';
import { isPossible, judgeJump, type Allowance, type Jump, type JumpRules, type Place } from './jump.ts';
import { refuseDowngrade, refuseLength, refuseNoVersion, refusePath } from './path-refusal.ts';
import { MAX_HOPS, type Risk } from './plan.ts';
import { releaseLabel, type ChainEntry, type Release } from './release.ts';

/** there: it has the target · new: it has no release, and gets the target at once · none: it can't get there. */
export type Path =
  | { readonly path: 'there' }
  | { readonly path: 'new' }
  | { readonly path: 'hops'; readonly hops: readonly PathHop[] }
  | ({ readonly path: 'none' } & Refusal);

/** `risk`: accepted for the jump to it. */
export type PathHop = { readonly version: string; readonly digest: Digest; readonly risk: Risk | null };

/** `because` goes on where `is on sample 3.4.2, ` ends. */
export type Refusal = { readonly because: string; readonly remedy: string };

/** The release that is to be reached, with the chain of those before it. */
export type PathTarget = Pick<Release, 'name' | 'version' | 'upgradesFrom' | 'components' | 'chain'> & {
  readonly digest: Digest;
};

/** Jumps of one path, from where it begins. */
export type Route = readonly { readonly to: ChainEntry; readonly jump: Jump }[];

/** What is known of the chain: its versions on the way, the newest first, and the best route from each to the target. */
export type Way = {
  readonly target: PathTarget;
  readonly rules: JumpRules;
  readonly stops: readonly ChainEntry[];
  readonly place: (version: string) => Place;
  readonly from: (version: string, allowance?: Allowance) => Route | null;
};

/**
 * Finds each host's path to the target; pure, and quick for a fleet, since what it found for a version is kept.
 *
 * 1. A jump is possible if the release that it ends at names it, it goes up, and no component moves too far.
 * 2. Nobody stops at a pre-release on the way; the target may be one, and a host may be on one.
 * 3. The path has the fewest hops; of those the fewest at a risk; of those the newest versions, from the first hop on.
 * 4. The same version with another digest is one hop away: it was built again.
 */
export function createPathFinder(target: PathTarget, rules: JumpRules): (installed: InstalledRelease | null) => Path {
  const way = wayTo(target, rules);
  const found = new Map<string, Path>();
  return (installed) => {
    if (installed === null) return { path: 'new' };
    const key = `${installed.name} ${installed.version} ${installed.digest}`;
    const path = found.get(key) ?? findPath(way, installed);
    found.set(key, path);
    return path;
  };
}

function findPath(way: Way, installed: InstalledRelease): Path {
  const { target, rules } = way;
  const { versions } = rules;
  if (installed.name !== target.name) {
    const because = `which is another product than ${releaseLabel(target)}`;
    return { path: 'none', because, remedy: 'choose its release' };
  }
  if (installed.digest === target.digest) return { path: 'there' };
  if (!versions.isVersion(installed.version)) return { path: 'none', ...refuseNoVersion(way) };
  const order = versions.compare(installed.version, target.version);
  if (order > 0) return { path: 'none', ...refuseDowngrade(target) };
  if (order === 0) return { path: 'hops', hops: [{ version: target.version, digest: target.digest, risk: null }] };
  const route = way.from(installed.version);
  if (route === null) return { path: 'none', ...refusePath(way, installed.version) };
  if (route.length > MAX_HOPS) return { path: 'none', ...refuseLength(target, route) };
  return {
    path: 'hops',
    hops: route.map(({ to, jump }) => ({ version: to.version, digest: to.digest, risk: jump.risk })),
  };
}

function wayTo(target: PathTarget, rules: JumpRules): Way {
  const { versions } = rules;
  const known = target.chain.filter(({ version }) => versions.isVersion(version));
  const stops = known
    .filter(({ version }) => !versions.isPreRelease(version) && versions.compare(version, target.version) < 0)
    .sort((a, b) => versions.compare(b.version, a.version));
  const place = (version: string): Place => {
    const entry = known.find((one) => versions.compare(one.version, version) === 0);
    return { version, components: entry?.components ?? null };
  };
  const routes = new Map<string, ReadonlyMap<ChainEntry, Route>>();
  const onward = (allowance: Allowance): ReadonlyMap<ChainEntry, Route> => {
    const kept = routes.get(allowance.join()) ?? routesFromStops({ target, rules, stops, allowance });
    routes.set(allowance.join(), kept);
    return kept;
  };
  const from = (version: string, allowance: Allowance = []): Route | null =>
    bestRoute({ rules, allowance }, place(version), onward(allowance));
  return { target, rules, stops, place, from };
}

/** The best route from every stop that has one, and from the target, which is none at all. The newest first. */
function routesFromStops(search: {
  readonly target: PathTarget;
  readonly rules: JumpRules;
  readonly stops: readonly ChainEntry[];
  readonly allowance: Allowance;
}): ReadonlyMap<ChainEntry, Route> {
  const onward = new Map<ChainEntry, Route>([[search.target, []]]);
  for (const stop of search.stops) {
    const route = bestRoute(search, stop, onward);
    if (route !== null) onward.set(stop, route);
  }
  return onward;
}

/** The first that is found wins among equals: `onward` has the newest first. */
function bestRoute(
  { rules, allowance }: { readonly rules: JumpRules; readonly allowance: Allowance },
  from: Place,
  onward: ReadonlyMap<ChainEntry, Route>,
): Route | null {
  let best: Route | null = null;
  for (const [to, rest] of onward) {
    const jump = judgeJump(rules, from, to);
    if (jump === null || !isPossible(jump, allowance)) continue;
    const route = [{ to, jump }, ...rest];
    if (best === null || isBetter(route, best)) best = route;
  }
  return best;
}

const isBetter = (route: Route, than: Route): boolean =>
  route.length === than.length ? risksOf(route) < risksOf(than) : route.length < than.length;

const risksOf = (route: Route): number => route.filter(({ jump }) => jump.risk !== null).length;

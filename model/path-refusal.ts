import { isPossible, judgeJump, type Allowance, type Obstacle } from './jump.ts';
import type { PathTarget, Refusal, Route, Way } from './path.ts';
import { MAX_HOPS } from './plan.ts';
import { releaseLabel, type ChainEntry } from './release.ts';

/** Versions and ranges that a refusal names; more would hide what it says. */
const MAX_NAMED = 6;

/** What would open a path, the most easily given first. */
const allowances: readonly Allowance[] = [['risk'], ['risk', 'blocked'], ['risk', 'blocked', 'component']];

export function refuseDowngrade(target: PathTarget): Refusal {
  const remedy = 'choose a newer release; a running upgrade goes back with: refit rollback';
  return { because: `which is newer than ${releaseLabel(target)}`, remedy };
}

export const refuseNoVersion = (way: Way): Refusal => ({
  because: `which is no semantic version, so that no path from it is known`,
  remedy: `install a release that has one by hand first; ${reachedFrom(way)}`,
});

export function refuseLength(target: PathTarget, route: Route): Refusal {
  const because = `from where ${releaseLabel(target)} is ${route.length} hops away, and one upgrade has at most ${MAX_HOPS}`;
  return { because, remedy: `upgrade to ${route[MAX_HOPS - 1]?.to.version ?? target.version} first` };
}

/** Why no path leads from the version to the target, and what is possible instead. */
export function refusePath(way: Way, version: string): Refusal {
  const label = releaseLabel(way.target);
  const possible = `${reachable(way, version)}; ${reachedFrom(way)}`;
  for (const allowance of allowances) {
    const route = way.from(version, allowance);
    if (route === null) continue;
    const obstacle = worstOf(route, allowance);
    if (obstacle === null) continue;
    if (obstacle.kind !== 'risk') {
      const because = `from where the way to ${label} is blocked: ${obstacle.jump}: ${obstacle.reason}`;
      return { because, remedy: `choose another release; ${possible}` };
    }
    const risks = risksToAccept(route);
    const named = risks.map(({ name, reason }) => `${name} (${reason})`).join(', ');
    const options = risks.map(({ name }) => `--accept-risk ${name}`).join(' ');
    const because = `from where ${label} is reached at a risk only: ${named}`;
    return { because, remedy: `accept it with ${options}; ${possible}` };
  }
  const because = `from where no path leads to ${label}`;
  return { because, remedy: `upgrade to a version with a path first; ${possible}` };
}

type Worst = { readonly kind: Obstacle['kind']; readonly jump: string; readonly reason: string };

/** The first obstacle of the hardest kind that had to be passed over. */
function worstOf(route: Route, allowance: Allowance): Worst | null {
  for (const kind of [...allowance].reverse()) {
    for (const { to, jump } of route) {
      const found = jump.obstacles.find((obstacle) => obstacle.kind === kind);
      if (found === undefined) continue;
      return { kind, jump: `to ${to.version}`, reason: found.kind === 'risk' ? found.risk.reason : found.reason };
    }
  }
  return null;
}

function risksToAccept(route: Route): readonly { readonly name: string; readonly reason: string }[] {
  const risks = route.flatMap(({ jump }) =>
    jump.obstacles.flatMap((obstacle) => (obstacle.kind === 'risk' ? [obstacle.risk] : [])),
  );
  return [...new Map(risks.map((risk) => [risk.name, risk])).values()];
}

/** Versions of the chain that a host gets to from there. */
function reachable({ stops, rules, place }: Way, version: string): string {
  const found: ChainEntry[] = [];
  for (const stop of [...stops].reverse()) {
    const jumps = [place(version), ...found].map((from) => judgeJump(rules, from, stop));
    if (jumps.some((jump) => jump !== null && isPossible(jump))) found.push(stop);
  }
  if (found.length === 0) return 'nothing of its chain is possible from there';
  return `possible from there: ${named(found.map((entry) => entry.version))}`;
}

/** Whence the target can be reached. */
function reachedFrom({ target, stops, rules, from }: Way): string {
  if (target.upgradesFrom.length === 0) return `${target.version} is reached from anything lower`;
  const ranges = target.upgradesFrom.filter(
    ({ limit }) => limit.limit === 'none' || (limit.limit === 'risk' && rules.acceptRisks.includes(limit.name)),
  );
  const over = [...stops].reverse().filter(({ version }) => from(version) !== null);
  const places = [...ranges.map(({ range }) => range), ...over.map(({ version }) => version)];
  return places.length === 0
    ? `${target.version} is reached from nowhere`
    : `${target.version} is reached from ${named(places)}`;
}

const named = (names: readonly string[]): string =>
  names.length <= MAX_NAMED
    ? names.join(', ')
    : `${names.slice(0, MAX_NAMED).join(', ')} and ${names.length - MAX_NAMED} more`;

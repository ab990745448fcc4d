import type { Hop } from '../model/plan.ts';
import type { PlannedUpgrade } from './plan-upgrade.ts';
import type { SavedHop, SavedPlan } from './saved-plan-schema.ts';

/** Changes that a refusal names; the last line counts the others. */
const MAX_CHANGES = 20;

type PlanNow = Pick<PlannedUpgrade, 'fleet' | 'release' | 'hops' | 'tree'>;
type AnyHop = SavedHop | Hop;
type SavedHost = SavedHop['alreadyThere'][number];

/** What a plan that was saved no longer has right, for people; none: it holds, and what it says is what would be done. Pure. */
export function planChanges(saved: SavedPlan, now: PlanNow): readonly string[] {
  if (saved.fleet !== now.fleet) return [`it was made for fleet ${saved.fleet}, this is fleet ${now.fleet}`];
  const isSameRelease = saved.digest === now.release.digest;
  if (isSameRelease && saved.tree === now.tree) return [];
  const hosts = hostChanges(saved.hops, now.hops);
  const changes = [
    ...(isSameRelease ? [] : [`${saved.reference} meant ${saved.digest}, now means ${now.release.digest}`]),
    ...hosts,
    ...pathChanges(saved.hops, now.hops),
    ...now.hops.flatMap((hop) => {
      const before = saved.hops.find(({ to }) => to === hop.to);
      if (before === undefined) return [];
      // Other hosts make other waves: said once is enough.
      return [...hopChanges(before, hop), ...(hosts.length > 0 ? [] : waveChanges(before, hop))];
    }),
  ];
  if (changes.length === 0) return [`what would be done is another tree: it was ${saved.tree}, is ${now.tree}`];
  const more = changes.length - MAX_CHANGES;
  return more <= 0 ? changes : [...changes.slice(0, MAX_CHANGES - 1), `and ${more + 1} more changes`];
}

/** By host: what it had installed, whether it is new or gone; only if no host differs, the order in which they go. */
function hostChanges(saved: readonly AnyHop[], now: readonly AnyHop[]): readonly string[] {
  const [before, after] = [installed(saved), installed(now)];
  const changes = [
    ...[...before].flatMap(([name, version]) => {
      const current = after.get(name);
      if (current === undefined) return [`${name} is no longer in the fleet`];
      return current === version
        ? []
        : [`${name} ${was(version)}, ${current === null ? 'has none now' : `is on ${current}`}`];
    }),
    ...[...after.keys()].filter((name) => !before.has(name)).map((name) => `${name} is new`),
  ];
  const isSameOrder = textOf([...before.keys()]) === textOf([...after.keys()]);
  return changes.length > 0 || isSameOrder ? changes : ['hosts go in another order'];
}

const was = (version: string | null): string => (version === null ? 'had no release' : `was on ${version}`);

/** Each host as the first hop has it that it is part of. */
function installed(hops: readonly AnyHop[]): ReadonlyMap<string, string | null> {
  const versions = new Map<string, string | null>();
  for (const { waves, alreadyThere } of hops) {
    const hosts: readonly SavedHost[] = [...waves.flatMap((wave): readonly SavedHost[] => wave.hosts), ...alreadyThere];
    for (const { name, from } of hosts) {
      if (!versions.has(name)) versions.set(name, from);
    }
  }
  return versions;
}

function pathChanges(saved: readonly AnyHop[], now: readonly AnyHop[]): readonly string[] {
  const [before, after] = [saved, now].map((hops) => hops.map(({ to }) => to).join(' → '));
  return before === after ? [] : [`the path was ${before}, is ${after}`];
}

function hopChanges(before: SavedHop, after: Hop): readonly string[] {
  const place = `in the hop to ${after.to}`;
  return [
    ...(before.release.digest === after.release.digest
      ? []
      : [`release ${after.to} was ${before.release.digest}, is ${after.release.digest}`]),
    ...partChanges('step', before.steps.map(asPart), after.steps.map(asPart)),
    ...partChanges('risk', before.risks, after.risks),
    ...partChanges('service', before.services, after.services),
    ...partChanges('migration', before.migrations, after.migrations),
    ...(before.hasBackup === after.hasBackup ? [] : [`the backup ${after.hasBackup ? 'is new' : 'is gone'}`]),
  ].map((change) => `${place}: ${change}`);
}

type Part = { readonly name: string };

const asPart = ({ id, type, to }: SavedHop['steps'][number]): Part => ({ name: id, ...{ type, to } });

function partChanges(what: string, before: readonly Part[], after: readonly Part[]): readonly string[] {
  const known = new Map(before.map((part) => [part.name, textOf(part)]));
  const names = new Set(after.map(({ name }) => name));
  const changes = [
    ...before.filter(({ name }) => !names.has(name)).map(({ name }) => `${what} ${name} is gone`),
    ...after.flatMap((part) => {
      const earlier = known.get(part.name);
      if (earlier === undefined) return [`${what} ${part.name} is new`];
      return earlier === textOf(part) ? [] : [`${what} ${part.name} is another`];
    }),
  ];
  const isSameOrder = textOf(before.map(({ name }) => name)) === textOf(after.map(({ name }) => name));
  return changes.length > 0 || isSameOrder ? changes : [`${what}s go in another order`];
}

const waveChanges = (before: SavedHop, after: Hop): readonly string[] =>
  textOf(waveShapes(before)) === textOf(waveShapes(after)) ? [] : [`in the hop to ${after.to}: the waves are others`];

const waveShapes = ({ waves }: AnyHop): readonly unknown[] =>
  waves.map(({ name, maxUnavailable, start, gatekeeper, hosts }) => [
    name,
    maxUnavailable,
    start,
    gatekeeper,
    hosts.length,
  ]);

/** The same for the same fields, in whichever order a file has them. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );

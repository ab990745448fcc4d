import type { PlannedHost, PlannedStep } from '../../model/plan.ts';
import { named } from '../named.ts';

/** Old versions of one kind that have a line each; hosts of the others are counted. */
const MAX_GROUPS = 8;

/** Kernel and Docker Engine that a hop brings, old and new: a line for all hosts that have the same old one. Pure. */
export function planBaseLines(steps: readonly PlannedStep[], hosts: readonly PlannedHost[]): readonly string[] {
  return steps.flatMap(({ to }) => {
    if (to === undefined) return [];
    if ('kernel' in to) return changeLines(hosts, kernelChange(to.kernel));
    return changeLines(hosts, engineChange(to.engine));
  });
}

type Change = {
  readonly what: string;
  readonly next: string;
  readonly note: string;
  readonly oldOf: (host: PlannedHost) => string | null;
  /** Whether a host that has this has nothing to change. */
  readonly isThere: (old: string) => boolean;
};

const kernelChange = (next: string): Change => ({
  ...{ what: 'kernel', next, note: 'each restarts once' },
  oldOf: ({ kernel }) => kernel ?? null,
  isThere: (old) => old === next,
});

/** A host's engine is known by its own package; what comes with it, such as containerd, may change all the same. */
function engineChange(packages: Readonly<Record<string, string>>): Change {
  const names = Object.entries(packages).map((one) => one.join(' '));
  return {
    ...{ what: 'engine', next: names.join(', '), note: 'containers run on where the engine allows it' },
    oldOf: ({ engine }) => engine ?? null,
    isThere: (old) => names.length === 1 && names[0] === old,
  };
}

function changeLines(hosts: readonly PlannedHost[], change: Change): readonly string[] {
  const groups = new Map<string | null, string[]>();
  for (const host of hosts) {
    const old = change.oldOf(host);
    const group = groups.get(old);
    if (group === undefined) groups.set(old, [host.name]);
    else group.push(host.name);
  }
  const all = [...groups];
  const left = all.slice(MAX_GROUPS);
  const count = left.reduce((sum, [, names]) => sum + names.length, 0);
  return [
    ...all.slice(0, MAX_GROUPS).map(([old, names]) => changeLine(old, names, change)),
    ...(left.length === 0
      ? []
      : [`    ${change.what}: ${left.length} other versions → ${change.next} on ${hostCount(count)}; ${change.note}`]),
  ];
}

function changeLine(old: string | null, names: readonly string[], { what, next, note, isThere }: Change): string {
  const where = `on ${hostCount(names.length)} (${named(names)})`;
  if (old !== null && isThere(old)) return `    ${what}: ${next} already ${where}`;
  return `    ${what}: ${old ?? 'not known yet'} → ${next} ${where}; ${note}`;
}

const hostCount = (count: number): string => `${count} ${count === 1 ? 'host' : 'hosts'}`;

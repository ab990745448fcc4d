/** Two of an engine's documents differ at a path, such as `HostConfig.Binds[0]`. */
export type Difference = { readonly path: string; readonly before: unknown; readonly after: unknown };

/** A difference that is right, and why. `holds` narrows it where not every difference at the path is. */
export type Explained = {
  readonly path: RegExp;
  readonly why: string;
  readonly holds?: (difference: Difference) => boolean;
};

/** All paths at which the documents differ; what one lacks is undefined there. */
export function differencesOf(before: unknown, after: unknown): readonly Difference[] {
  const one = leavesOf(before, '');
  const other = leavesOf(after, '');
  const paths = [...new Set([...one.keys(), ...other.keys()])].sort();
  return paths
    .map((path) => ({ path, before: one.get(path), after: other.get(path) }))
    .filter((difference) => JSON.stringify(difference.before) !== JSON.stringify(difference.after));
}

export const isExplained = (difference: Difference, explained: readonly Explained[]): boolean =>
  explained.some(({ path, holds }) => path.test(difference.path) && (holds?.(difference) ?? true));

/** Empty lists and objects are leaves, so that null and empty are told apart. */
function leavesOf(value: unknown, path: string): ReadonlyMap<string, unknown> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return new Map([[path, value]]);
  const fields = Array.isArray(value) ? itemsOf(value, path) : Object.entries(value);
  const leaves = fields.flatMap(([name, field]) => {
    const step = Array.isArray(value) ? `[${name}]` : path === '' ? name : `.${name}`;
    return [...leavesOf(field, `${path}${step}`)];
  });
  return new Map(leaves);
}

/** Mounts and aliases are in no order that means anything: an engine shows them as they come out of a map. */
function itemsOf(list: readonly unknown[], path: string): readonly (readonly [string, unknown])[] {
  if (path !== 'Mounts' && !path.endsWith('.Aliases')) return Object.entries(list);
  return list.map((item) => [keyOf(item), item]);
}

const keyOf = (item: unknown): string =>
  typeof item === 'object' && item !== null && 'Destination' in item ? String(item.Destination) : String(item);

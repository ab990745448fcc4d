import type { Problem } from '../yaml-document.ts';
import type { ServiceDraft, UnitDraft } from './unit-draft.ts';

/** What services and jobs of a unit say of its services: whether they are there, and whether some can start first. */
export function dependencyProblems({ services, jobs }: UnitDraft): readonly Problem[] {
  const names = services.map(({ name }) => name);
  return [
    ...services.flatMap(({ dependsOn, path }) =>
      dependsOn.flatMap((name, index) => unknownService(name, names, [...path, 'dependsOn', index])),
    ),
    ...jobs.flatMap(({ beside, path }) => unknownService(beside, names, [...path, 'beside'])),
    ...services.flatMap((service) => slotBelowShared(service, services)),
    ...cycles(services),
  ];
}

function unknownService(name: string, names: readonly string[], path: Problem['path']): readonly Problem[] {
  if (name === '' || names.includes(name)) return [];
  const known = names.filter((one) => one !== '').join(', ');
  return [{ path, message: `expected one of this unit's services (${known}), got "${name}"` }];
}

function slotBelowShared(
  { shared, dependsOn, path }: ServiceDraft,
  services: readonly ServiceDraft[],
): readonly Problem[] {
  if (shared !== true) return [];
  const inSlots = new Set(services.filter((service) => service.shared === false).map(({ name }) => name));
  return dependsOn.flatMap((name, index) => {
    const message = `"${name}" is in the slots, and a shared service is there before any slot; it can depend on shared ones`;
    return inSlots.has(name) ? [{ path: [...path, 'dependsOn', index], message }] : [];
  });
}

/** Each cycle once, at the service of it that is declared first. */
function cycles(services: readonly ServiceDraft[]): readonly Problem[] {
  const order = new Map(services.map(({ name }, index) => [name, index]));
  return services.flatMap((service, index) => {
    const way = wayBack(service, services);
    if (way === null || way.some((name) => (order.get(name) ?? index) < index)) return [];
    const message = `${[service.name, ...way].join(' → ')}: each waits for the next, so none could start first`;
    return [{ path: [...service.path, 'dependsOn'], message }];
  });
}

/** The shortest way from a service over what it depends on to itself; null: there is none. */
function wayBack(from: ServiceDraft, services: readonly ServiceDraft[]): readonly string[] | null {
  const below = new Map(services.map(({ name, dependsOn }) => [name, dependsOn]));
  const seen = new Set<string>();
  let ways: readonly (readonly string[])[] = from.dependsOn.map((name) => [name]);
  // Every round goes one service further, and no service is gone through twice.
  while (ways.length > 0) {
    const back = ways.find((way) => way.at(-1) === from.name);
    if (back !== undefined) return back;
    const fresh = ways.filter((way) => isFirst(seen, way.at(-1) ?? ''));
    ways = fresh.flatMap((way) => (below.get(way.at(-1) ?? '') ?? []).map((next) => [...way, next]));
  }
  return null;
}

function isFirst(seen: Set<string>, name: string): boolean {
  const first = !seen.has(name);
  seen.add(name);
  return first;
}

import { formatPath, type FieldPath, type Problem } from '../yaml-document.ts';
import type { ServiceDraft, UnitDraft } from './unit-draft.ts';

const MAX_PORT = 65_535;

/** Ports of a unit's hosts: of the form that goes with the service, within what there is, and each of one member alone. */
export const portProblems = ({ services }: UnitDraft): readonly Problem[] => [
  ...services.flatMap(contradictions),
  ...overlaps(services.flatMap(rangesOf)),
];

function contradictions({ path, shared, members, port, health }: ServiceDraft): readonly Problem[] {
  const found: Problem[] = [];
  const add = (field: FieldPath, message: string): number => found.push({ path: [...path, ...field], message });
  if (shared === true && members > 1) add(['members'], 'a shared service has one member; take members away');
  if (shared === true && port?.blue != null && port.green !== null && port.host === null) {
    add(['port'], 'a shared service has one port for both slots, such as { inside: 5432, host: 25432 }');
  }
  if (shared === false && port?.host != null && port.blue === null && port.green === null) {
    add(['port'], 'each slot has ports of its own, such as { inside: 8080, blue: 20080, green: 20180 }');
  }
  const { type } = health.probe;
  if (port === null && (type === 'http' || type === 'tcp')) {
    add(['health', 'probe'], `the ${type} probe asks the service's port, and it has none; name a port, or take exec`);
  }
  return found;
}

type Range = { readonly path: FieldPath; readonly first: number; readonly last: number };

/** Those of the form that goes with the service: the other form is a problem of its own. */
function rangesOf({ path, shared, members, port }: ServiceDraft): readonly Range[] {
  const fields = shared === true ? (['host'] as const) : (['blue', 'green'] as const);
  return fields.flatMap((field) => {
    const first = port?.[field] ?? null;
    const last = (first ?? 0) + (shared === true ? 1 : members) - 1;
    return first === null ? [] : [{ path: [...path, 'port', field], first, last }];
  });
}

/** At the later of two. */
function overlaps(ranges: readonly Range[]): readonly Problem[] {
  return ranges.flatMap((range, index) => {
    const { path, last } = range;
    if (last > MAX_PORT) return [{ path, message: `ports end at ${MAX_PORT}, and its members need ${textOf(range)}` }];
    const other = ranges.slice(0, index).find((earlier) => earlier.first <= last && range.first <= earlier.last);
    if (other === undefined) return [];
    return [{ path, message: `${textOf(range)} is not free: ${formatPath(other.path)} has ${textOf(other)}` }];
  });
}

/** `20080` or `20080–20083`. */
const textOf = ({ first, last }: Range): string => (first === last ? String(first) : `${first}–${last}`);

import { isName, parseUnitId } from '../../model/ids.ts';
import {
  checkName,
  jobContainerName,
  MAX_UNIT_MEMBERS,
  slots,
  unitContainerName,
  type SlotOrShared,
} from '../../model/unit.ts';
import { formatPath, type Problem } from '../yaml-document.ts';
import { dependencyProblems } from './dependency-problems.ts';
import { repeated } from './repeated.ts';
import { readUnits, type ContainerDraft, type JobDraft, type UnitDraft } from './unit-draft.ts';
import { portProblems } from './unit-port-problems.ts';
import { tokenProblems } from './unit-token-problems.ts';

/** Longest name of a container: other containers reach it by the name, and a DNS label is no longer. */
const MAX_CONTAINER_NAME = 63;

/** What no schema of one field sees: whether the parts of a unit fit together. Reads a manifest that may be wrong elsewhere. */
export function unitProblems(value: unknown): readonly Problem[] {
  const units = readUnits(value);
  return [
    ...repeatedNames(units.map(({ name, path }) => ({ name, namePath: [...path, 'name'] }))),
    ...units.flatMap((unit) => nestedNames(unit, units)),
    ...units.flatMap(problemsOf),
  ];
}

const problemsOf = (unit: UnitDraft): readonly Problem[] => [
  ...repeatedNames([...unit.services, ...unit.addOns]),
  ...repeatedNames(unit.jobs),
  ...namesOfChecks(unit),
  ...longNames(unit),
  ...sizeProblems(unit),
  ...dependencyProblems(unit),
  ...portProblems(unit),
  ...tokenProblems(unit),
  ...unit.jobs.flatMap(migrationProblems),
  ...[...unit.services, ...unit.addOns, ...unit.jobs].flatMap(repeatedTargets),
];

type Named = Pick<ContainerDraft, 'name' | 'namePath'>;

const repeatedNames = (named: readonly Named[]): readonly Problem[] =>
  repeated(named.filter(({ name }) => name !== '').map(({ name, namePath }) => ({ text: name, path: namePath })));

const repeatedTargets = ({ files, path }: ContainerDraft): readonly Problem[] =>
  repeated(files.flatMap(({ to }, index) => (to === '' ? [] : [{ text: to, path: [...path, 'files', index, 'to'] }])));

/** The volumes of a slot go with it by the beginning of their names: no other unit's may begin so. */
function nestedNames({ name, path }: UnitDraft, units: readonly UnitDraft[]): readonly Problem[] {
  const outer = units.find((unit) =>
    [...slots, 'shared', 'job'].some((part) => `${name}-`.startsWith(`${unit.name}-${part}-`)),
  );
  if (outer === undefined) return [];
  const those = `${formatPath([...outer.path, 'name'])} ("${outer.name}")`;
  return [{ path: [...path, 'name'], message: `"${name}" begins as the containers of ${those} do; take another name` }];
}

/** A migration's check runs in a container of its own, which is named like a job; null: it has none. */
const checkOf = ({ name, check }: JobDraft): string | null =>
  name !== '' && check.length > 0 ? checkName(name) : null;

function namesOfChecks({ jobs }: UnitDraft): readonly Problem[] {
  return jobs.flatMap(({ name, namePath }) => {
    const migration = jobs.find((job) => checkOf(job) === name);
    if (migration === undefined) return [];
    const message = `"${name}" is the name in which ${formatPath([...migration.path, 'check'])} runs; take another one`;
    return [{ path: namePath, message }];
  });
}

function longNames(unit: UnitDraft): readonly Problem[] {
  if (!isName(unit.name)) return [];
  const id = parseUnitId(unit.name);
  const nameIn = (slot: SlotOrShared, service: string, ordinal: number): string =>
    unitContainerName(id, { slot, service, ordinal });
  const containers = [
    ...unit.services.map((one) => ({
      ...one,
      as: nameIn(one.shared === true ? 'shared' : 'green', one.name, one.members),
    })),
    // One on every host of the slot.
    ...unit.addOns.map((one) => ({ ...one, as: nameIn('green', one.name, MAX_UNIT_MEMBERS) })),
    ...unit.jobs.map((one) => ({ ...one, as: jobContainerName(id, checkOf(one) ?? one.name) })),
  ];
  return containers
    .filter(({ name, as }) => isName(name) && as.length > MAX_CONTAINER_NAME)
    .map(({ namePath, as }) => ({
      path: namePath,
      message: `makes the container name "${as}" of ${as.length} characters, at most ${MAX_CONTAINER_NAME} are allowed; shorten it or the unit's name`,
    }));
}

function sizeProblems({ path, services, addOns }: UnitDraft): readonly Problem[] {
  const members = services.reduce(
    (sum, service) => sum + (service.shared === true ? 1 : service.members),
    addOns.length,
  );
  const found: Problem[] = [];
  if (members > MAX_UNIT_MEMBERS) {
    const message = `expected at most ${MAX_UNIT_MEMBERS} members of services and add-ons in all, got ${members}`;
    found.push({ path: [...path, 'services'], message });
  }
  if (services.length > 0 && services.every(({ shared }) => shared === true)) {
    const message = 'expected a service that is not shared: without one there is nothing to install twice';
    found.push({ path: [...path, 'services'], message });
  }
  return found;
}

/**
 * A contract migration runs when there is no other slot any more: nothing is left to return to. What an expand migration takes
 * back must be what this upgrade did: only its check tells that from what an earlier one did.
 */
function migrationProblems({ path, when, check, down, compatible }: JobDraft): readonly Problem[] {
  if (when === 'expand' && down.length > 0 && check.length === 0) {
    const message = 'needs a check: without one it would take back what an earlier upgrade applied';
    return [{ path: [...path, 'down'], message }];
  }
  if (when !== 'contract') return [];
  const why = 'a contract migration runs once the other slot is gone, so there is no way back from it; take this away';
  return [
    ...(down.length > 0 ? [{ path: [...path, 'down'], message: why }] : []),
    ...(compatible ? [{ path: [...path, 'compatible'], message: why }] : []),
  ];
}

import { z } from 'zod';
import { MAX_UNIT_MEMBERS, MAX_UNITS } from '../../model/unit.ts';
import { valueAt, type FieldPath } from '../yaml-document.ts';

// A unit of a release.yaml that may be wrong elsewhere, as far as it can be read, so that what does not fit together is
// reported along with the other problems. What is not of its form is null or empty here: the schema said so already.

export type UnitDraft = {
  readonly path: FieldPath;
  readonly name: string;
  readonly services: readonly ServiceDraft[];
  readonly addOns: readonly ContainerDraft[];
  /** accountData first, so that a test of the same name is the one to change. */
  readonly jobs: readonly JobDraft[];
};

type Placed = { readonly path: FieldPath; readonly namePath: FieldPath };
export type ContainerDraft = z.output<typeof Container> & Placed;
export type ServiceDraft = z.output<typeof Service> & Placed;
export type JobDraft = z.output<typeof Job> & Placed;

/** The name that account data has among the jobs of its unit. */
export const ACCOUNT_DATA = 'account-data';

/** None where there are more units or services than the schema allows: checks compare each with each. */
export function readUnits(value: unknown): readonly UnitDraft[] {
  const units = Units.parse(valueAt(value, ['units']));
  if (units.length > MAX_UNITS) return [];
  return units
    .map(toDraft)
    .filter(({ services, addOns }) => [services, addOns].every(({ length }) => length <= MAX_UNIT_MEMBERS));
}

const Text = z.string().catch('');
const Texts = z.array(Text).catch([]);

const container = {
  name: Text,
  env: z.record(z.string(), Text).catch({}),
  command: Texts,
  entrypoint: Texts,
  volumes: Texts,
  check: Texts,
  down: Texts,
  files: z.array(z.object({ to: Text }).catch({ to: '' })).catch([]),
};
const Container = z.object(container);

const Probe = z.object({ type: Text, path: Text, contains: Text, command: Texts });
const NO_PROBE = { type: '', path: '', contains: '', command: [] };

const PortNumber = z.int().min(1).max(65_535).nullable().catch(null);
const Service = z.object({
  ...container,
  shared: z.boolean().nullable().default(false).catch(null),
  members: z.int().min(1).max(MAX_UNIT_MEMBERS).catch(1),
  dependsOn: Texts,
  /** null: there is none; not of its form: all its numbers are null. */
  port: z
    .object({ host: PortNumber, blue: PortNumber, green: PortNumber })
    .nullable()
    .default(null)
    .catch({ host: null, blue: null, green: null }),
  health: z.object({ probe: Probe.catch(NO_PROBE) }).catch({ probe: NO_PROBE }),
});

const Job = z.object({ ...container, beside: Text, when: Text, compatible: z.boolean().catch(false) });

/** Items that are no group of fields stay, with nothing in them: the others' places count them. */
const items = <Item extends z.ZodType>(item: Item): z.ZodType<readonly z.output<Item>[]> =>
  z.array(z.preprocess((value) => (isGroup(value) ? value : {}), item)).catch([]);
const isGroup = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const Unit = z.object({
  name: Text,
  services: items(Service),
  addOns: items(Container),
  migrations: items(Job),
  accountData: Job.nullable().catch(null),
  tests: items(Job),
});
const Units = items(Unit);

function toDraft(unit: z.output<typeof Unit>, index: number): UnitDraft {
  const path = ['units', index];
  const placed =
    <Item>(field: string): ((item: Item, at: number) => Item & Placed) =>
    (item, at) => ({ ...item, path: [...path, field, at], namePath: [...path, field, at, 'name'] });
  const accountPath = [...path, 'accountData'];
  const account = unit.accountData && { ...unit.accountData, name: ACCOUNT_DATA };
  return {
    path,
    name: unit.name,
    services: unit.services.map(placed('services')),
    addOns: unit.addOns.map(placed('addOns')),
    jobs: [
      ...(account === null ? [] : [{ ...account, path: accountPath, namePath: accountPath }]),
      ...unit.migrations.map(placed<z.output<typeof Job>>('migrations')),
      ...unit.tests.map(placed<z.output<typeof Job>>('tests')),
    ],
  };
}

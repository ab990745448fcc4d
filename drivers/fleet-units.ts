import { resolve } from 'node:path';
import { z } from 'zod';
import { assert } from '../model/assert.ts';
import type { FleetLoadBalancer, FleetUnit } from '../model/fleet.ts';
import { parseServiceId, parseUnitId } from '../model/ids.ts';
import type { UnitBalancer } from '../model/slot-balancer.ts';
import { balancerTypes, expectedBalancer, name, repeated, serverName, text } from './fleet-fields.ts';
import { formatPath, itemPaths, schemaProblems, valueAt, type FieldPath, type Problem } from './yaml-document.ts';

const service = name('service').transform(parseServiceId);

const HaproxyFrontend = z.strictObject({
  service,
  backend: text(
    "a backend's name of letters, digits and _.:- with {slot} in it, such as shop-web-{slot}",
    /^[A-Za-z0-9_.:-]*\{slot\}[A-Za-z0-9_.:-]*$/,
  ),
  server: serverName.default('{host}-{container}'),
});

const arn = (what: string, pattern: RegExp): z.ZodString => text(`the ARN of ${what}`, pattern);
const targetGroup = arn('a target group', /^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d+:targetgroup\/\S+$/);

const ElbFrontend = z.strictObject({
  service,
  listener: arn(
    'a listener, or of one of its rules',
    /^arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d+:listener(-rule)?\/\S+$/,
  ),
  targetGroups: z.strictObject({ blue: targetGroup, green: targetGroup }).refine(({ blue, green }) => blue !== green, {
    error: 'expected a target group for each slot, got the same one twice',
  }),
});

const loadBalancer = z.string();
const path = z.string().min(1);

const balancers = {
  haproxy: z
    .strictObject({
      loadBalancer,
      map: text(
        "an absolute path of letters, digits and _.:-/, as HAProxy's configuration has it",
        /^\/[A-Za-z0-9_.:/-]+$/,
      ),
      mapFile: path.optional(),
      frontends: z.array(HaproxyFrontend).min(1),
    })
    .transform((balancer) => ({ type: 'haproxy' as const, ...balancer, mapFile: balancer.mapFile ?? balancer.map })),
  elbv2: z
    .strictObject({ loadBalancer, frontends: z.array(ElbFrontend).min(1) })
    .transform((balancer) => ({ type: 'elbv2' as const, ...balancer })),
};

type BalancerType = keyof typeof balancers;

/** Fields that only the frontends of one type have, and what these are as a whole. */
const frontendFields: Readonly<Record<BalancerType, { readonly own: readonly string[]; readonly all: string }>> = {
  haproxy: { own: ['backend', 'server'], all: 'service, backend and server' },
  elbv2: { own: ['listener', 'targetGroups'], all: 'service, listener and targetGroups' },
};

export const Units = z
  .array(
    z.strictObject({
      name: name('unit').transform(parseUnitId),
      /** Of which type it is, its load balancer says: balancerProblems and toUnits look at it. */
      balancer: z.unknown().optional(),
      files: z.record(z.string(), path).default({}),
    }),
  )
  .default([]);

/** What a schema of one item can't see. */
export function unitProblems(value: unknown): readonly Problem[] {
  const types = balancerTypes(value);
  return [
    ...repeated(value, 'units', ['name']),
    ...itemPaths(value, ['units']).flatMap((item) => {
      const field = [...item, 'balancer'];
      const balancer = valueAt(value, field);
      const problems = balancer === undefined ? [] : balancerProblems(balancer, types);
      return problems.map(({ path: inside, message }) => ({ path: [...field, ...inside], message }));
    }),
    ...sharedMaps(value),
  ];
}

/** Of a file without problems; its paths are relative to the folder. */
export function toUnits(
  units: z.output<typeof Units>,
  { loadBalancers, folder }: { readonly loadBalancers: readonly FleetLoadBalancer[]; readonly folder: string },
): readonly FleetUnit[] {
  const types = new Map(loadBalancers.map(({ name: balancer, type }) => [balancer, type]));
  return units.map((unit) => ({
    name: unit.name,
    balancer: unit.balancer === undefined ? null : toBalancer(unit.balancer, types, folder),
    files: Object.fromEntries(Object.entries(unit.files).map(([file, at]) => [file, resolve(folder, at)])),
  }));
}

function toBalancer(value: unknown, types: ReadonlyMap<unknown, BalancerType>, folder: string): UnitBalancer {
  const type = types.get(valueAt(value, ['loadBalancer']));
  assert(type !== undefined, 'expected a unit whose load balancer was checked');
  const balancer: UnitBalancer = balancers[type].parse(value);
  return balancer.type === 'haproxy' ? { ...balancer, mapFile: resolve(folder, balancer.mapFile) } : balancer;
}

function balancerProblems(balancer: unknown, types: ReadonlyMap<unknown, unknown>): readonly Problem[] {
  const wanted = valueAt(balancer, ['loadBalancer']);
  const type = types.get(wanted);
  // A load balancer without a type that is known has a problem of its own.
  if (types.has(wanted) && type !== 'haproxy' && type !== 'elbv2') return [];
  if (type !== 'haproxy' && type !== 'elbv2') {
    const got = typeof wanted === 'string' ? `"${wanted}"` : 'nothing';
    return [{ path: ['loadBalancer'], message: `${expectedBalancer(types)}, got ${got}` }];
  }
  const foreign = foreignFields(balancer, type);
  if (foreign.length > 0) return foreign;
  const parsed = balancers[type].safeParse(balancer);
  return parsed.success ? [] : schemaProblems(parsed.error.issues, balancer);
}

/** A frontend of the other type is one mistake, not one a field. */
function foreignFields(balancer: unknown, type: BalancerType): readonly Problem[] {
  const other = frontendFields[type === 'haproxy' ? 'elbv2' : 'haproxy'].own;
  return itemPaths(balancer, ['frontends']).flatMap((item) =>
    other
      .map((field) => [...item, field])
      .filter((field) => valueAt(balancer, field) !== undefined)
      .slice(0, 1)
      .map((field) => ({
        path: field,
        message: `a frontend of a load balancer of type ${type} has ${frontendFields[type].all}`,
      })),
  );
}

/** One map for two units would switch both at once. */
function sharedMaps(value: unknown): readonly Problem[] {
  const first = new Map<string, FieldPath>();
  return itemPaths(value, ['units']).flatMap((item): readonly Problem[] => {
    const [of, field] = [
      [...item, 'balancer', 'loadBalancer'],
      [...item, 'balancer', 'map'],
    ];
    const map = valueAt(value, field);
    if (typeof map !== 'string') return [];
    const key = JSON.stringify([valueAt(value, of), map]);
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, field);
    return earlier === undefined ? [] : [{ path: field, message: `"${map}" is already ${formatPath(earlier)}` }];
  });
}

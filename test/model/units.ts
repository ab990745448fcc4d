import { parseHostId, parseServiceId, parseUnitId, type HostId } from '../../model/ids.ts';
import {
  defaultUnitPolicy,
  type UnitJob,
  type UnitMigration,
  type UnitRelease,
  type UnitService,
} from '../../model/unit.ts';

export const shop = parseUnitId('shop');

/** An image by a digest that is told apart by its first character. */
export const imageOf = (name: string, character = 'a'): string =>
  `registry.lab:5000/${name}@sha256:${character.repeat(64)}`;

export function unitService(name: string, changes: Partial<UnitService> = {}): UnitService {
  return {
    ...{ name: parseServiceId(name), image: imageOf(name), command: [], entrypoint: null, env: {}, files: [] },
    ...{ shared: false, members: 1, placement: { labels: {}, perHost: 1 }, dependsOn: [], port: null, volumes: [] },
    ...{ memoryBytes: null, health: { minHealthyTimeMs: 0, deadlineMs: 5_000, probe: null } },
    ...changes,
  };
}

export function unitJob(name: string, changes: Partial<UnitJob> = {}): UnitJob {
  return {
    ...{ name, image: imageOf('check'), command: [name], entrypoint: null, env: {}, files: [] },
    ...{ beside: parseServiceId('web'), timeoutMs: 5_000, ...changes },
  };
}

export function unitMigration(name: string, changes: Partial<UnitMigration> = {}): UnitMigration {
  return {
    ...unitJob(name, { beside: parseServiceId('db') }),
    ...{ when: 'expand', check: null, down: [`${name}-down`], compatible: false, ...changes },
  };
}

/** A web service of two members on an api, and a database that both slots share. */
export function unitRelease(changes: Partial<UnitRelease> = {}): UnitRelease {
  const { approval, soak, keepMs, drainMs, confirmMs } = defaultUnitPolicy;
  return {
    name: shop,
    services: [
      unitService('db', { shared: true, port: { inside: 5432, blue: 25432, green: 25432 } }),
      unitService('api', { dependsOn: [parseServiceId('db')], port: { inside: 8080, blue: 20000, green: 20100 } }),
      unitService('web', {
        members: 2,
        dependsOn: [parseServiceId('api')],
        port: { inside: 8080, blue: 20200, green: 20300 },
      }),
    ],
    ...{ migrations: [], accountData: null, addOns: [], tests: [] },
    policy: { approval, soak, keepMs, drainMs, confirmMs },
    ...changes,
  };
}

export const placeable = (
  ...labels: readonly Readonly<Record<string, string>>[]
): readonly { readonly name: HostId; readonly labels: Readonly<Record<string, string>> }[] =>
  labels.map((those, index) => ({ name: parseHostId(`host-${index + 1}`), labels: those }));

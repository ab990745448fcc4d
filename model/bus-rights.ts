import { unreachable } from './assert.ts';
import { busKeys } from './bus.ts';
import type { FleetId, HostId } from './ids.ts';

/** What one identity may do with a key, or, where there is an end, with all keys from this one to before the end. */
export type Right = {
  readonly access: 'read' | 'write' | 'readwrite';
  readonly key: string;
  readonly end: string | null;
};

/** Somebody whom etcd knows by the common name of a client certificate; the role is that user's alone. */
export type BusIdentity = { readonly user: string; readonly role: string; readonly rights: readonly Right[] };

/** Users with their roles, and roles with their rights, of one fleet, as etcd has them. */
export type FoundRights = {
  readonly users: ReadonlyMap<string, readonly string[]>;
  readonly roles: ReadonlyMap<string, readonly Right[]>;
};

/** One step from what etcd has to what it is to have. Each can be repeated. */
export type RightsChange =
  | { readonly change: 'addRole'; readonly role: string }
  | { readonly change: 'grant' | 'revoke'; readonly role: string; readonly right: Right }
  | { readonly change: 'addUser'; readonly user: string }
  | { readonly change: 'addToRole' | 'takeFromRole'; readonly user: string; readonly role: string }
  | { readonly change: 'removeUser'; readonly user: string }
  | { readonly change: 'removeRole'; readonly role: string };

/** Longest common name of a certificate (X.509's ub-common-name). */
export const MAX_COMMON_NAME = 64;

/** Who may administer etcd: the user, and the role, that etcd itself wants before it checks anybody. */
export const ROOT = 'root';

/**
 * Common name of a host's certificate. Names of fleets and hosts may have dots, so `@` is what can't be read in two ways.
 */
export const hostUser = (fleet: FleetId, host: HostId): string => `${host}@${fleet}`;

/** Common name of workers, API and command line: the fleet's own, which no host's can be. */
export const fleetUser = (fleet: FleetId): string => fleet;

/** Under which refit's roles of a fleet are told from whatever else etcd is used for. */
const rolesOf = (fleet: FleetId): string => `refit/${fleet}/`;

/**
 * All of a host's rights: what its agent reads and writes, and nothing else.
 *
 * 1. It writes its report and its sign of life, never its order: no host can order anything, not even of itself.
 * 2. It reads its own keys and the chains, no other host's keys.
 * 3. Batons are the one thing that the hosts of a fleet share: whoever holds the turn writes who is next.
 */
export function hostIdentity(fleet: FleetId, host: HostId): BusIdentity {
  const keys = busKeys(fleet);
  const rights: readonly Right[] = [
    { access: 'read', ...under(keys.host(host)) },
    { access: 'readwrite', key: keys.report(host), end: null },
    { access: 'readwrite', key: keys.alive(host), end: null },
    { access: 'read', ...under(keys.upgrades) },
    { access: 'readwrite', ...under(keys.batons) },
  ];
  return { user: hostUser(fleet, host), role: `${rolesOf(fleet)}host/${host}`, rights };
}

/** Workers, API and command line: every key of the fleet, and none of another. */
export const fleetIdentity = (fleet: FleetId): BusIdentity => ({
  user: fleetUser(fleet),
  role: `${rolesOf(fleet)}fleet`,
  rights: [{ access: 'readwrite', ...under(busKeys(fleet).root) }],
});

export const identitiesOf = (fleet: FleetId, hosts: readonly HostId[]): readonly BusIdentity[] => [
  fleetIdentity(fleet),
  ...hosts.map((host) => hostIdentity(fleet, host)),
];

/** Roles of the fleet's hosts that are none of these any more, with their users. */
export function leftIdentities(
  fleet: FleetId,
  roles: readonly string[],
  wanted: readonly BusIdentity[],
): readonly BusIdentity[] {
  const known = new Set(wanted.map(({ role }) => role));
  const prefix = `${rolesOf(fleet)}host/`;
  return roles
    .filter((role) => role.startsWith(prefix) && !known.has(role))
    .map((role) => ({ role, user: `${role.slice(prefix.length)}@${fleet}`, rights: [] }));
}

/** Makes users, roles and rights exactly those wanted; what is right already is no change. */
export const rightsChanges = (found: FoundRights, wanted: readonly BusIdentity[]): readonly RightsChange[] =>
  wanted.flatMap((identity) => [...roleChanges(found, identity), ...userChanges(found, identity)]);

/** The user first: without a role it can do nothing, and a role without a user is found again. */
export const removals = (found: FoundRights, left: readonly BusIdentity[]): readonly RightsChange[] =>
  left.flatMap(({ user, role }): readonly RightsChange[] => [
    ...(found.users.has(user) ? [{ change: 'removeUser', user } as const] : []),
    { change: 'removeRole', role },
  ]);

/** What is too much goes first, so that no moment allows more than before or after. */
function roleChanges({ roles }: FoundRights, { role, rights }: BusIdentity): readonly RightsChange[] {
  const found = roles.get(role);
  const has = found ?? [];
  const isWanted = (one: Right): boolean => rights.some((right) => isSameRange(right, one));
  const isThere = (one: Right): boolean => has.some((right) => isSameRange(right, one) && right.access === one.access);
  return [
    ...(found === undefined ? [{ change: 'addRole', role } as const] : []),
    ...has.filter((right) => !isWanted(right)).map((right) => ({ change: 'revoke', role, right }) as const),
    ...rights.filter((right) => !isThere(right)).map((right) => ({ change: 'grant', role, right }) as const),
  ];
}

function userChanges({ users }: FoundRights, { user, role }: BusIdentity): readonly RightsChange[] {
  const found = users.get(user);
  const has = found ?? [];
  return [
    ...(found === undefined ? [{ change: 'addUser', user } as const] : []),
    ...has.filter((one) => one !== role).map((one) => ({ change: 'takeFromRole', user, role: one }) as const),
    ...(has.includes(role) ? [] : [{ change: 'addToRole', user, role } as const]),
  ];
}

const isSameRange = (a: Right, b: Right): boolean => a.key === b.key && a.end === b.end;

/** The range of all keys that start with the prefix: to before the first that is greater than all of them. */
const under = (prefix: string): Pick<Right, 'key' | 'end'> => ({
  key: prefix,
  end: `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`,
});

/** `read /refit/v1/site-a/upgrades/…`, for people. */
export function describeRight({ access, key, end }: Right): string {
  if (end === null) return `${access} ${key}`;
  return end === under(key).end
    ? `${access} ${key}…`
    : `${access} ${JSON.stringify(key)} to before ${JSON.stringify(end)}`;
}

/** What a change is, for people. */
export function describeChange(change: RightsChange): string {
  switch (change.change) {
    case 'addRole':
      return `add role ${change.role}`;
    case 'grant':
      return `allow role ${change.role} to ${describeRight(change.right)}`;
    case 'revoke':
      return `no longer allow role ${change.role} to ${describeRight(change.right)}`;
    case 'addUser':
      return `add user ${change.user}`;
    case 'addToRole':
      return `give user ${change.user} the role ${change.role}`;
    case 'takeFromRole':
      return `take the role ${change.role} from user ${change.user}`;
    case 'removeUser':
      return `remove user ${change.user}`;
    case 'removeRole':
      return `remove role ${change.role}`;
    default:
      return unreachable(change);
  }
}

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeChange,
  hostIdentity,
  identitiesOf,
  leftIdentities,
  removals,
  rightsChanges,
  type FoundRights,
  type Right,
  type RightsChange,
} from '../../model/bus-rights.ts';
import { parseFleetId, parseHostId } from '../../model/ids.ts';

const site = parseFleetId('site-a');
const [web1, web2, a, b] = ['web-1', 'web-2', 'x.site-a', 'b'].map(parseHostId);
const hosts = [web1, web2, a, b].flatMap((host) => host ?? []);
const wanted = identitiesOf(site, hosts);
const nothing: FoundRights = { users: new Map(), roles: new Map() };

/** What etcd would have after the changes. */
function after(found: FoundRights, changes: readonly RightsChange[]): FoundRights {
  const users = new Map([...found.users].map(([user, roles]) => [user, [...roles]]));
  const roles = new Map([...found.roles].map(([role, rights]) => [role, [...rights]]));
  const without = (rights: readonly Right[], { key, end }: Right): Right[] =>
    rights.filter((one) => one.key !== key || one.end !== end);
  for (const change of changes) {
    if (change.change === 'addUser') users.set(change.user, []);
    if (change.change === 'removeUser') users.delete(change.user);
    if (change.change === 'addRole') roles.set(change.role, []);
    if (change.change === 'removeRole') roles.delete(change.role);
    if (change.change === 'addToRole') users.get(change.user)?.push(change.role);
    if (change.change === 'takeFromRole') {
      users.set(change.user, users.get(change.user)?.filter((role) => role !== change.role) ?? []);
    }
    if (change.change === 'grant' || change.change === 'revoke') {
      const others = without(roles.get(change.role) ?? [], change.right);
      roles.set(change.role, change.change === 'grant' ? [...others, change.right] : others);
    }
  }
  return { users, roles };
}

describe('the rights of a fleet', () => {
  test('are made from nothing, and then nothing is left to change', () => {
    const made = after(nothing, rightsChanges(nothing, wanted));

    expect([...made.users.keys()]).toEqual(['site-a', 'web-1@site-a', 'web-2@site-a', 'x.site-a@site-a', 'b@site-a']);
    expect(rightsChanges(made, wanted)).toEqual([]);
  });

  test('are made good from whatever is there, and what is too much is taken before anything is given', () => {
    const right = fc.record({
      access: fc.constantFrom('read' as const, 'write' as const, 'readwrite' as const),
      key: fc.constantFrom('/', '/refit/v1/site-a/', '/refit/v1/site-a/hosts/web-1/report'),
      end: fc.constantFrom(null, '/refit/v1/site-a0', '\0'),
    });
    const roles = fc.uniqueArray(
      fc.tuple(
        fc.constantFrom(...wanted.map(({ role }) => role)),
        fc.uniqueArray(right, { selector: ({ key, end }) => `${key} ${String(end)}` }),
      ),
      { selector: ([role]) => role },
    );
    const users = fc.uniqueArray(
      fc.tuple(
        fc.constantFrom(...wanted.map(({ user }) => user)),
        fc.uniqueArray(fc.constantFrom('root', 'ops', ...wanted.map(({ role }) => role))),
      ),
      { selector: ([user]) => user },
    );

    fc.assert(
      fc.property(users, roles, (hasUsers, hasRoles) => {
        const found = { users: new Map(hasUsers), roles: new Map(hasRoles) };
        const changes = rightsChanges(found, wanted);

        const made = after(found, changes);

        expect(rightsChanges(made, wanted)).toEqual([]);
        for (const { role, user } of wanted) {
          expect(made.users.get(user)).toEqual([role]);
          const ofRole = changes.flatMap((each) => ('role' in each && each.role === role ? [each.change] : []));
          expect(ofRole.lastIndexOf('revoke')).toBeLessThan(
            ofRole.indexOf('grant') === -1 ? Infinity : ofRole.indexOf('grant'),
          );
        }
      }),
    );
  });

  test('never let a host write an order, not even its own', () => {
    for (const host of hosts) {
      const order = `/refit/v1/site-a/hosts/${host}/order`;
      const writes = hostIdentity(site, host).rights.filter(({ access }) => access !== 'read');

      expect(writes.filter(({ key, end }) => (end === null ? key === order : key <= order && order < end))).toEqual([]);
    }
  });

  test('of hosts that left are found by their roles, and nothing else is taken for theirs', () => {
    const roles = [
      'root',
      'ops',
      'refit/site-a/host/old-1',
      'refit/site-b/host/web-9',
      ...wanted.map(({ role }) => role),
    ];

    const left = leftIdentities(site, roles, wanted);

    expect(left.map(({ user }) => user)).toEqual(['old-1@site-a']);
    const found = { users: new Map([['old-1@site-a', ['refit/site-a/host/old-1']]]), roles: new Map() };
    expect(removals(found, left).map(describeChange)).toEqual([
      'remove user old-1@site-a',
      'remove role refit/site-a/host/old-1',
    ]);
  });

  test('are told in words', () => {
    const [, host] = identitiesOf(site, hosts);
    const told = rightsChanges(nothing, host === undefined ? [] : [host]).map(describeChange);

    expect(told).toEqual([
      'add role refit/site-a/host/web-1',
      'allow role refit/site-a/host/web-1 to read /refit/v1/site-a/hosts/web-1/…',
      'allow role refit/site-a/host/web-1 to readwrite /refit/v1/site-a/hosts/web-1/report',
      'allow role refit/site-a/host/web-1 to readwrite /refit/v1/site-a/hosts/web-1/alive',
      'allow role refit/site-a/host/web-1 to read /refit/v1/site-a/upgrades/…',
      'allow role refit/site-a/host/web-1 to readwrite /refit/v1/site-a/batons/…',
      'add user web-1@site-a',
      'give user web-1@site-a the role refit/site-a/host/web-1',
    ]);
  });
});

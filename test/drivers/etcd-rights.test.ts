import { EtcdPermissionDeniedError, type Etcd3, type IRequestOp } from 'etcd3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { messageOf, withinMs } from '../../drivers/etcd/endpoints.ts';
import { prefixEnd } from '../../drivers/etcd/listing.ts';
import { busKeys } from '../../model/bus.ts';
import { fleetUser, hostUser, ROOT } from '../../model/bus-rights.ts';
import { parseDigest, parseHostId, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { eventually } from '../eventually.ts';
import { watch } from './bus-contract.ts';
import { smallFleet, startGuardedEtcd, type GuardedEtcd, type SmallFleet } from './guarded-etcd.ts';
import { lastValues } from './open-bus.ts';

/** Names that begin alike, and that read alike with dots: `a.b` of one fleet is not `b` of fleet `a`. */
const ours = smallFleet('site', ['web-1', 'web-10', 'web', 'a.site', 'db-1', 'order']);
const theirs = smallFleet('site0', ['web-1', 'db-1']);
const dotted = smallFleet('a.site', ['web-1']);
const one = parseHostId('web-1');
const other = parseHostId('web-10');

/** Calls at the same time; more only wait in etcd. */
const PARALLEL = 8;
const CALL_MS = 10_000;

const upgrade = parseUpgradeId('site-7');
const earlier = parseUpgradeId('site-6');
const plan = parseDigest(`sha256:${'0123456789abcdef'.repeat(4)}`);

const hostKeys = ({ fleet, hosts }: SmallFleet): readonly string[] =>
  hosts.flatMap(({ name }) => {
    const keys = busKeys(fleet);
    return [keys.order(name), keys.report(name), keys.alive(name)];
  });

function fleetKeys({ fleet, hosts }: SmallFleet): readonly string[] {
  const keys = busKeys(fleet);
  const members = hosts.map(({ name }) => keys.member(parseServiceId('web'), { host: name, container: 'web' }));
  return [
    ...[keys.epoch, keys.migrationLock, keys.planPage(upgrade, plan, 0)],
    ...[keys.chain(upgrade), keys.hold(upgrade), keys.chain(earlier), keys.hold(earlier)],
    ...[...members, `${keys.root}api/idempotency/1`],
  ];
}

const batons = ({ fleet }: SmallFleet): readonly string[] => [
  busKeys(fleet).baton(upgrade),
  busKeys(fleet).baton(earlier),
];

const everyKey = (fleet: SmallFleet): readonly string[] => [...hostKeys(fleet), ...fleetKeys(fleet), ...batons(fleet)];

type Attempt = { readonly how: string; readonly run: (client: Etcd3, key: string) => Promise<unknown> };

const txn = (client: Etcd3, operation: IRequestOp): Promise<unknown> =>
  client.kv.txn({ compare: [], success: [operation], failure: [] }, withinMs(CALL_MS));

/** Every way to change a key. */
const changes: readonly Attempt[] = [
  { how: 'put', run: (client, key) => client.kv.put({ key: Buffer.from(key), value: BAD }, withinMs(CALL_MS)) },
  { how: 'delete', run: (client, key) => client.kv.deleteRange({ key: Buffer.from(key) }, withinMs(CALL_MS)) },
  {
    how: 'delete of a range',
    run: (client, key) =>
      client.kv.deleteRange({ key: Buffer.from(key), range_end: prefixEnd(key) }, withinMs(CALL_MS)),
  },
  { how: 'txn put', run: (client, key) => txn(client, { request_put: { key: Buffer.from(key), value: BAD } }) },
  { how: 'txn delete', run: (client, key) => txn(client, { request_delete_range: { key: Buffer.from(key) } }) },
  {
    how: 'put in the branch that is not taken',
    run: (client, key) =>
      client.kv.txn(
        { compare: [], success: [], failure: [{ request_put: { key: Buffer.from(key), value: BAD } }] },
        withinMs(CALL_MS),
      ),
  },
  {
    how: 'put under a lease',
    run: async (client, key) => {
      const { ID } = await client.leaseClient.leaseGrant({ TTL: 60 }, withinMs(CALL_MS));
      return client.kv.put({ key: Buffer.from(key), value: BAD, lease: ID }, withinMs(CALL_MS));
    },
  },
];

/** Every way to learn what is in a key. */
const reads: readonly Attempt[] = [
  { how: 'read', run: (client, key) => client.kv.range({ key: Buffer.from(key) }, withinMs(CALL_MS)) },
  {
    how: 'read of one member',
    run: (client, key) => client.kv.range({ key: Buffer.from(key), serializable: true }, withinMs(CALL_MS)),
  },
  {
    how: 'compare',
    run: (client, key) => {
      const compare = [{ key: Buffer.from(key), result: 'Equal', target: 'Version', version: '0' } as const];
      return client.kv.txn({ compare, success: [], failure: [] }, withinMs(CALL_MS));
    },
  },
];

const BAD = Buffer.from('written by somebody else');

type Tally = { tried: number; refused: number; readonly passed: string[] };

/** Every attempt on every key, in this user's name. */
async function tryAll(
  guarded: GuardedEtcd,
  user: string,
  { keys, attempts }: { readonly keys: readonly string[]; readonly attempts: readonly Attempt[] },
): Promise<Tally> {
  const { client } = (await guarded.endpointsOf(user)).preferred;
  const tally: Tally = { tried: 0, refused: 0, passed: [] };
  const pending = keys.flatMap((key) => attempts.map((attempt) => ({ key, attempt })));
  const work = async (): Promise<void> => {
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { key, attempt } = next;
      tally.tried += 1;
      const answer = await attempt.run(client, key).catch((error: unknown) => error);
      if (answer instanceof EtcdPermissionDeniedError) tally.refused += 1;
      else tally.passed.push(`${user}: ${attempt.how} ${key}: ${answer instanceof Error ? messageOf(answer) : 'done'}`);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return tally;
}

async function seed(guarded: GuardedEtcd): Promise<void> {
  for (const fleet of [ours, theirs]) {
    const bus = await guarded.busOf(fleetUser(fleet.fleet));
    const puts = everyKey(fleet).map((key) => ({ key, value: `of ${key}` }));
    const written = await bus.write({ conditions: [], puts });
    expect(written.outcome).toBe('ok');
  }
}

async function allEntries(guarded: GuardedEtcd): Promise<unknown> {
  return (await guarded.busOf(ROOT)).list('/refit/');
}

async function started(fleets: readonly SmallFleet[], members = 1): Promise<GuardedEtcd> {
  const guarded = await startGuardedEtcd(fleets, members);
  onTestFinished(() => guarded[Symbol.asyncDispose]());
  return guarded;
}

describe('an etcd of three members with certificates and rights', () => {
  test('lets no host change another’s keys, its own order, or what is the fleet’s, in any way', async () => {
    const guarded = await started([ours, theirs, dotted], 3);
    await seed(guarded);
    const before = await allEntries(guarded);
    let tried = 0;
    let refused = 0;

    for (const { name } of ours.hosts) {
      const keys = busKeys(ours.fleet);
      const own = [keys.report(name), keys.alive(name)];
      const forbidden = [
        ...hostKeys(ours).filter((key) => !own.includes(key)),
        ...fleetKeys(ours),
        ...everyKey(theirs),
      ];
      const tally = await tryAll(guarded, hostUser(ours.fleet, name), { keys: forbidden, attempts: changes });
      expect(tally.passed).toEqual([]);
      tried += tally.tried;
      refused += tally.refused;
    }

    console.info(`rights: ${ours.hosts.length} hosts tried ${tried} changes, ${refused} were refused`);
    expect(refused).toBe(tried);
    expect(await allEntries(guarded)).toEqual(before);
  });

  test('shows no host another’s keys, nor anything of another fleet, and a fleet nothing of another', async () => {
    const guarded = await started([ours, theirs, dotted]);
    await seed(guarded);
    const user = hostUser(ours.fleet, one);
    const keys = busKeys(ours.fleet);
    const visible = [keys.host(one), keys.upgrades, keys.batons];
    const hidden = [...everyKey(ours), ...everyKey(theirs)].filter(
      (key) => !visible.some((one) => key.startsWith(one)),
    );

    const host = await tryAll(guarded, user, { keys: [...hidden, keys.root, '/'], attempts: reads });
    const fleet = await tryAll(guarded, fleetUser(ours.fleet), {
      keys: [...everyKey(theirs), busKeys(theirs.fleet).root, '/', '/other/key'],
      attempts: [...reads, ...changes],
    });
    const alike = await tryAll(guarded, fleetUser(dotted.fleet), {
      keys: everyKey(ours),
      attempts: [...reads, ...changes],
    });

    expect([...host.passed, ...fleet.passed, ...alike.passed]).toEqual([]);
    console.info(`rights: ${host.tried + fleet.tried + alike.tried} more attempts, all refused`);
  });

  test('lets a host do what its agent does', async () => {
    const guarded = await started([ours, theirs]);
    await seed(guarded);
    const keys = busKeys(ours.fleet);
    const bus = await guarded.busOf(hostUser(ours.fleet, one));
    const seen = watch(bus, keys.host(one));
    const chain = watch(bus, keys.upgrade(upgrade));
    const baton = await bus.read(keys.baton(upgrade));

    const handedOn = await bus.write({
      conditions: [{ key: keys.baton(upgrade), revision: baton?.revision ?? null }],
      puts: [keys.baton(upgrade), keys.report(one)].map((key) => ({ key, value: 'mine' })),
    });
    bus.keepAlive({ key: keys.alive(one), value: () => 'alive', ttlMs: 5_000, signal: new AbortController().signal });

    expect(handedOn.outcome).toBe('ok');
    await eventually(() => expect(lastValues(seen)).toEqual(['alive', `of ${keys.order(one)}`, 'mine']));
    await eventually(() =>
      expect(lastValues(chain)).toEqual([`of ${keys.chain(upgrade)}`, `of ${keys.hold(upgrade)}`]),
    );
  });
});

describe('whoever is not root', () => {
  const administering: readonly Attempt[] = [
    { how: 'give oneself the role root', run: ({ auth }, user) => auth.userGrantRole({ user, role: ROOT }) },
    { how: 'add a user', run: ({ auth }) => auth.userAdd({ name: 'friend', options: { no_password: true } }) },
    { how: 'set a password', run: ({ auth }) => auth.userChangePassword({ name: ROOT, password: 'x' }) },
    { how: 'turn the checks off', run: ({ auth }) => auth.authDisable() },
    { how: 'list users', run: ({ auth }) => auth.userList() },
  ];

  test('changes no rights, not even with a fleet’s own identity, and an unknown name does nothing at all', async () => {
    const guarded = await started([ours, theirs]);
    await seed(guarded);
    const host = hostUser(ours.fleet, one);

    const byHost = await tryAll(guarded, host, { keys: [host], attempts: administering });
    const byFleet = await tryAll(guarded, fleetUser(ours.fleet), {
      keys: [fleetUser(ours.fleet)],
      attempts: administering,
    });
    const byNobody = await tryAll(guarded, 'stranger', { keys: everyKey(ours), attempts: [...reads, ...changes] });

    expect([...byHost.passed, ...byFleet.passed, ...byNobody.passed]).toEqual([]);
  });

  test('ends no other host’s lease, and puts nothing under it', async () => {
    const guarded = await started([ours, theirs]);
    const keys = busKeys(ours.fleet);
    const { client } = (await guarded.endpointsOf(hostUser(ours.fleet, one))).preferred;
    const { client: foreign } = (await guarded.endpointsOf(hostUser(ours.fleet, other))).preferred;
    const { ID } = await client.leaseClient.leaseGrant({ TTL: 60 }, withinMs(CALL_MS));
    const alive = { key: Buffer.from(keys.alive(one)), value: Buffer.from('x'), lease: ID };
    await client.kv.put(alive, withinMs(CALL_MS));

    await expect(foreign.leaseClient.leaseRevoke({ ID }, withinMs(CALL_MS))).rejects.toThrow('permission denied');
    const own = { key: Buffer.from(keys.report(other)), value: BAD, lease: ID };
    await expect(foreign.kv.put(own, withinMs(CALL_MS))).rejects.toThrow('permission denied');
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQuorum } from '../../agent/quorum.ts';
import { startEtcd, type EtcdCluster, type EtcdMember } from '../parts/etcd.ts';
import { eventually } from '../eventually.ts';

/** A member that comes back needs an election or its log; ms. */
const BACK_MS = 30_000;

let etcd: EtcdCluster;
beforeAll(async () => {
  etcd = await startEtcd({ members: 3, isSecure: true });
}, 60_000);
afterAll(() => etcd.close());

const signal = new AbortController().signal;
function member(index: number): EtcdMember {
  const found = etcd.members[index];
  if (found === undefined) throw new Error(`etcd has no member ${index}`);
  return found;
}
const quorumOf = (url: string | null): ReturnType<typeof createQuorum> =>
  createQuorum({ endpoints: [...etcd.endpoints], tls: etcd.tls, member: url });

test('a host without a member never waits for any', async () => {
  const quorum = quorumOf(null);

  expect([await quorum.away(signal), await quorum.own(signal)]).toEqual([null, null]);
});

test('a member that is away is named to the hosts of the others, and to its own', async () => {
  const [mine, other] = [member(0), member(1)];
  const [quorum, others] = [quorumOf(mine.url), quorumOf(other.url)];
  const before = [await quorum.away(signal), await others.own(signal)];

  await other.kill();
  // If it led, the two that are left are not healthy either until they have elected one of them.
  await eventually(
    async () => {
      const during = [await quorum.away(signal), await quorum.own(signal), await others.own(signal)];
      expect(during).toEqual([
        ...[`etcd at ${other.url} is not healthy`, null],
        `etcd's member ${other.url} is not healthy`,
      ]);
    },
    { withinMs: BACK_MS },
  );
  await other.start();

  expect(before).toEqual([null, null]);
  await eventually(async () => expect(await quorum.away(signal)).toBeNull(), { withinMs: BACK_MS });
}, 90_000);

test('a member without quorum is not back, though it answers', async () => {
  const quorum = quorumOf(member(0).url);
  const gone = etcd.members.slice(1);
  await Promise.all(gone.map((member) => member.kill()));

  const own = await quorum.own(signal);
  await Promise.all(gone.map((member) => member.start()));

  expect(own).toContain('is not healthy');
  await eventually(async () => expect(await quorum.own(signal)).toBeNull(), { withinMs: BACK_MS });
}, 60_000);

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEtcdLasting } from '../../drivers/etcd/lasting.ts';
import type { LastingValues } from '../../model/lasting.ts';
import { describeRequests } from '../client/api/requests-contract.ts';
import { eventually } from '../eventually.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';

let etcd: EtcdCluster;
const opened: LastingValues[] = [];
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(async () => {
  for (const values of opened) values.close();
  await etcd.close();
});

function open(ttlMs = 3_600_000): LastingValues {
  const values = createEtcdLasting({ endpoints: etcd.endpoints, tls: null, ttlMs });
  opened.push(values);
  return values;
}

describe('requests on etcd', () => {
  let values: LastingValues;
  beforeAll(() => {
    values = open();
  });
  describeRequests(() => values);
});

describe('values that last', () => {
  test('one goes by itself after its time', async () => {
    const values = open(1_000);
    await values.write({ key: '/refit/v1/lasting/goes', value: 'x', revision: null });
    expect((await values.read('/refit/v1/lasting/goes'))?.value).toBe('x');

    await eventually(async () => expect(await values.read('/refit/v1/lasting/goes')).toBeNull());
  });

  test('a write goes on when its lease was lost with a wiped etcd', async () => {
    const values = open();
    await values.write({ key: '/refit/v1/lasting/before', value: 'x', revision: null });
    await etcd.members[0]?.wipe();

    const written = await eventually(async () => {
      const { outcome } = await values.write({ key: '/refit/v1/lasting/after', value: 'x', revision: null });
      return outcome !== 'unknown' && outcome;
    });

    expect(written).toBe('ok');
  });
});

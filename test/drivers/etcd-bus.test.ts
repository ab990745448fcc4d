import { afterAll, beforeAll, describe } from 'vitest';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';
import { describeBus } from './bus-contract.ts';

describe('the bus on etcd', () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(() => etcd.close());

  describeBus(() => createEtcdBus({ endpoints: etcd.endpoints, tls: null }));
});

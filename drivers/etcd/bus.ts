import { assert } from '../../model/assert.ts';
import type { Bus } from '../../model/ports.ts';
import { Endpoints, type EndpointOptions } from './endpoints.ts';
import { keepAlive } from './keep-alive.ts';
import { listPrefix, readKey } from './listing.ts';
import type { BusLog } from './log.ts';
import { watchPrefix } from './watch.ts';
import { writeChange } from './write.ts';

export type EtcdBusOptions = EndpointOptions & { readonly log?: BusLog };

/** The bus on etcd. The client library is used as a transport only; what it would do by itself is off (endpoints.ts). */
export function createEtcdBus(options: EtcdBusOptions): Bus {
  const endpoints = new Endpoints(options);
  const log = options.log ?? ((): void => undefined);
  const closing = new AbortController();
  const until = (signal: AbortSignal): AbortSignal => AbortSignal.any([signal, closing.signal]);
  const assertOpen = (): void => assert(!closing.signal.aborted, 'the bus is closed');
  return {
    read: (key) => endpoints.ask((endpoint) => readKey(endpoint, key), closing.signal),
    list: async (prefix) => (await endpoints.ask((endpoint) => listPrefix(endpoint, prefix), closing.signal)).entries,
    write: (change) => {
      assertOpen();
      return writeChange(endpoints, change);
    },
    watch: (prefix, onEntries, signal) => {
      assertOpen();
      void watchPrefix({ endpoints, prefix, onEntries, signal: until(signal), log });
    },
    keepAlive: (kept) => {
      assertOpen();
      void keepAlive(endpoints, { ...kept, signal: until(kept.signal) }, log);
    },
    close: () => {
      closing.abort();
      endpoints.close();
    },
  };
}

import { onTestFinished } from 'vitest';
import { createEtcdBus } from '../../drivers/etcd/bus.ts';
import type { TlsFiles } from '../../model/fleet.ts';
import type { Bus, BusEntry } from '../../model/ports.ts';

export const PREFIX = '/refit/v1/faults/';
export const KEY = `${PREFIX}key`;

/** A bus on etcd that is closed when the test ends. */
export function openBus(endpoints: readonly string[], tls: TlsFiles | null = null): Bus {
  const bus = createEtcdBus({ endpoints, tls });
  onTestFinished(() => bus.close());
  return bus;
}

/** What a watch told last. */
export const lastValues = (seen: readonly (readonly BusEntry[])[]): readonly string[] | undefined =>
  seen.at(-1)?.map(({ value }) => value);

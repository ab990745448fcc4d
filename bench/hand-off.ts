import { randomUUID } from 'node:crypto';
import { parseBaton, parseReport } from '../drivers/bus-values.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { busKeys } from '../model/bus.ts';
import type { Fleet } from '../model/fleet.ts';
import type { BusEntry } from '../model/ports.ts';

/** Writes that etcd's own put-to-watch is measured with. */
const PUTS = 100;
/** A write that is seen later than this was lost; ms. */
const PUT_TIMEOUT_MS = 5_000;

export interface ChainWatch {
  /** From the moment that a watcher saw a host done, and the baton handed on, to the one when it saw the next at work; ms. */
  stop(): readonly number[];
}

/** Watches a fleet's keys as anybody could, while a daisy chain runs. */
export function watchChain(fleet: Fleet): ChainWatch {
  const bus = createEtcdBus({ endpoints: fleet.etcd.endpoints, tls: fleet.etcd.tls });
  const ending = new AbortController();
  const handed = new Map<string, number>();
  const begun = new Map<string, number>();
  bus.watch(
    busKeys(fleet.fleet).root,
    (entries) => {
      const now = performance.now();
      for (const host of holders(entries)) if (!handed.has(host)) handed.set(host, now);
      // What a host said in an earlier upgrade is no answer to the baton.
      for (const host of atWork(entries)) if (handed.has(host) && !begun.has(host)) begun.set(host, now);
    },
    ending.signal,
  );
  return {
    stop: () => {
      ending.abort();
      bus.close();
      return [...handed].flatMap(([host, at]) => {
        const start = begun.get(host);
        return start === undefined ? [] : [start - at];
      });
    },
  };
}

/** etcd's own time from a write to the watcher of its key, through the same driver; ms. */
export async function measurePutToWatch(fleet: Fleet): Promise<readonly number[]> {
  const { endpoints, tls } = fleet.etcd;
  const [writer, watcher] = [createEtcdBus({ endpoints, tls }), createEtcdBus({ endpoints, tls })];
  const ending = new AbortController();
  const key = `/refit-bench/${randomUUID()}`;
  let seen: (value: string) => void = () => undefined;
  watcher.watch(key, (entries) => entries.forEach(({ value }) => seen(value)), ending.signal);
  const times: number[] = [];
  try {
    for (let count = -1; count < PUTS; count += 1) {
      const text = `${count}`;
      const start = performance.now();
      const arrived = new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no watcher saw write ${text} to ${key}`)), PUT_TIMEOUT_MS);
        seen = (value) => {
          if (value !== text) return;
          clearTimeout(timer);
          resolve(performance.now() - start);
        };
      });
      await writer.write({ conditions: [], puts: [{ key, value: text }] });
      const took = await arrived;
      // The first write also waits for connections to be made.
      if (count >= 0) times.push(took);
    }
    await writer.write({ conditions: [], puts: [], deletes: [key] });
    return times;
  } finally {
    ending.abort();
    writer.close();
    watcher.close();
  }
}

/** The host that has the baton, except the first: it has it from the worker. */
function holders(entries: readonly BusEntry[]): readonly string[] {
  return entries.flatMap(({ key, value }) => {
    const baton = key.endsWith('/baton') ? parseBaton(value) : null;
    if (baton?.ok !== true || baton.value.holder === null || baton.value.position === 0) return [];
    return [baton.value.holder];
  });
}

function atWork(entries: readonly BusEntry[]): readonly string[] {
  return entries.flatMap(({ key, value }) => {
    const host = /\/hosts\/([^/]+)\/report$/.exec(key)?.[1];
    const report = host === undefined ? null : parseReport(value);
    if (host === undefined || report?.ok !== true || report.value.phase === 'staged') return [];
    return [host];
  });
}

import { randomUUID } from 'node:crypto';
import { parseBaton, parseReport } from '../drivers/bus-values.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { busKeys, type Baton, type Report } from '../model/bus.ts';
import type { Fleet } from '../model/fleet.ts';
import type { BusEntry } from '../model/ports.ts';

/** Writes that etcd's own put-to-watch is measured with. */
const PUTS = 100;
/** A write that is seen later than this was lost; ms. */
const PUT_TIMEOUT_MS = 5_000;

export type HandOffs = {
  /** From the moment that a watcher saw a host done, and the baton handed on, to the one when it saw the next at work; ms. */
  readonly seen: readonly number[];
  /** From a host's end to the next one's begin, as they say themselves; their clocks are one in a lab, and count whole ms. */
  readonly told: readonly number[];
};

export interface ChainWatch {
  stop(): HandOffs;
}

/** Watches a fleet's keys as anybody could, while a daisy chain runs. */
export function watchChain(fleet: Fleet): ChainWatch {
  const bus = createEtcdBus({ endpoints: fleet.etcd.endpoints, tls: fleet.etcd.tls });
  const ending = new AbortController();
  /** The batons by holder, and the latest reports by host, with the time at which each was first seen so. */
  const handed = new Map<string, Baton & { readonly at: number }>();
  const begun = new Map<string, number>();
  const reports = new Map<string, Report>();
  const see = (entries: readonly BusEntry[]): void => {
    const now = performance.now();
    for (const baton of entries.flatMap(readBaton)) {
      if (baton.holder !== null && !handed.has(baton.holder)) handed.set(baton.holder, { ...baton, at: now });
    }
    for (const [host, report] of entries.flatMap(readReport)) {
      reports.set(host, report);
      // What a host said of an earlier order is no answer to the baton.
      const isAnswer = handed.get(host)?.epoch === report.epoch && report.phase !== 'staged';
      if (isAnswer && !begun.has(host)) begun.set(host, now);
    }
  };
  bus.watch(busKeys(fleet.fleet).root, see, ending.signal);
  return {
    stop: () => {
      ending.abort();
      bus.close();
      // The first host has the baton from the worker, not from a host.
      const chain = [...handed].sort(([, a], [, b]) => a.position - b.position);
      const pairs = chain.flatMap(([host, baton], index) => {
        const previous = chain[index - 1];
        return previous?.[1].position === baton.position - 1 ? [{ from: previous[0], to: host, at: baton.at }] : [];
      });
      return {
        seen: pairs.flatMap(({ to, at }) => difference(begun.get(to), at)),
        told: pairs.flatMap(({ from, to }) => difference(reports.get(to)?.startedAt, reports.get(from)?.finishedAt)),
      };
    },
  };
}

const difference = (to: number | undefined, from: number | null | undefined): readonly number[] =>
  to === undefined || from == null ? [] : [to - from];

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

function readBaton({ key, value }: BusEntry): readonly Baton[] {
  const baton = key.endsWith('/baton') ? parseBaton(value) : null;
  return baton?.ok === true ? [baton.value] : [];
}

function readReport({ key, value }: BusEntry): readonly (readonly [string, Report])[] {
  const host = /\/hosts\/([^/]+)\/report$/.exec(key)?.[1];
  const report = host === undefined ? null : parseReport(value);
  return host !== undefined && report?.ok === true ? [[host, report.value]] : [];
}

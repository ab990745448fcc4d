import { setTimeout as sleep } from 'node:timers/promises';
import { readActiveInFile } from '../../drivers/haproxy/map-file.ts';
import { readActiveInMap } from '../../drivers/haproxy/running-map.ts';
import type { UnitBalancer } from './unit-balancer.ts';

/** Whose turn the running map and its file said that it is, over time. */
export type SwitchSamples = {
  /** Those of the map that differ from the one before; `away`: the load balancer did not answer. */
  readonly running: readonly string[];
  /** The same of the file. */
  readonly file: readonly string[];
  readonly stop: () => Promise<void>;
};

/** Rest between two samples; ms. */
const REST_MS = 100;

export function sampleSwitch({ endpoint, map }: Pick<UnitBalancer, 'endpoint' | 'map'>): SwitchSamples {
  const running: string[] = [];
  const file: string[] = [];
  let isOver = false;
  const sample = async (): Promise<void> => {
    while (!isOver) {
      note(running, await readActiveInMap({ name: 'edge', endpoint }, map).catch(() => ['away']));
      note(file, await readActiveInFile(map));
      await sleep(REST_MS);
    }
  };
  const sampling = sample();
  const stop = async (): Promise<void> => {
    isOver = true;
    await sampling;
  };
  return { running, file, stop };
}

function note(samples: string[], values: readonly string[]): void {
  const value = values.join(' and ');
  if (samples.at(-1) !== value) samples.push(value);
}

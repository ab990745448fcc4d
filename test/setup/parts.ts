import type { TestProject } from 'vitest/node';
import { needPrograms } from '../../lab/debian.ts';
import { ensureParts } from '../parts/programs.ts';
import { startTemporal, type TestTemporal } from '../parts/temporal.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** `host:port` of a Temporal dev server that all test files share; each uses task queues and ids of its own. */
    readonly temporalAddress: string;
  }
}

let temporal: TestTemporal | null = null;

/** Before the tests against real parts: fetches what the machine lacks and starts what all of them share. */
export async function setup(project: TestProject): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  await ensureParts(say);
  await needPrograms(['dockerd', 'containerd', 'ip'], say);
  temporal = await startTemporal(say);
  project.provide('temporalAddress', temporal.address);
}

export async function teardown(): Promise<void> {
  await temporal?.close();
}

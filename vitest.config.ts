import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/setup/count-reporter.ts';

/** Test files at the same time. Those of parts run an etcd or an engine of their own beside them, and wait more than they work. */
const FORKS = 2;
const PART_FORKS = 3;

/** A busy machine of two cores takes ten times as long as an idle one; these bounds end what hangs; ms. */
const UNIT_TIMEOUT_MS = 120_000;
const PART_TIMEOUT_MS = 180_000;
const LAB_TIMEOUT_MS = 300_000;

/** Longest to bring up or take down what a file, or all files, need; ms. */
const PART_HOOK_MS = 180_000;
const LAB_HOOK_MS = 600_000;

/** Emulated machines take minutes for what a container does in seconds; the first time on a machine theirs are made. */
const MACHINE_TIMEOUT_MS = 1_500_000;
const VIRTUAL_MACHINES = ['test/e2e/kernel.test.ts'];

/**
 * unit: nothing outside the process · parts: real etcd, engine, Temporal · e2e: the lab, one file after another · vm: the lab on virtual machines.
 * They run in this order, none beside another.
 */
export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    teardownTimeout: PART_HOOK_MS,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/*.test.ts', 'test/{model,agent,client,lab,release}/**/*.test.ts'],
          maxWorkers: FORKS,
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'parts',
          include: ['test/{drivers,workflows,activities,worker}/**/*.test.ts'],
          globalSetup: ['test/setup/parts.ts'],
          maxWorkers: PART_FORKS,
          testTimeout: PART_TIMEOUT_MS,
          hookTimeout: PART_HOOK_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: VIRTUAL_MACHINES,
          globalSetup: ['test/setup/lab.ts'],
          setupFiles: ['test/setup/lab-is-up.ts'],
          fileParallelism: false,
          testTimeout: LAB_TIMEOUT_MS,
          hookTimeout: LAB_HOOK_MS,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'vm',
          include: VIRTUAL_MACHINES,
          fileParallelism: false,
          testTimeout: MACHINE_TIMEOUT_MS,
          hookTimeout: MACHINE_TIMEOUT_MS,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});

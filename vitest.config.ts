import { defineConfig } from 'vitest/config';
import { CountReporter } from './test/setup/count-reporter.ts';

/** unit: nothing outside the process · parts: real etcd, engine, Temporal · e2e: the lab, one file after another. */
export default defineConfig({
  test: {
    reporters: ['default', new CountReporter()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/*.test.ts', 'test/{model,agent,client,lab,release}/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'parts',
          include: ['test/{drivers,workflows,activities,worker}/**/*.test.ts'],
          globalSetup: ['test/setup/parts.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/setup/lab.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});

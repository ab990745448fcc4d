import { beforeAll, inject } from 'vitest';

/** Runs in every end-to-end file. */
beforeAll(() => {
  const problem = inject('labProblem');
  if (problem !== null) throw new Error(`the lab of the tests is not up: ${problem}`);
});

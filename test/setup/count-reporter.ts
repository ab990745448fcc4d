import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

type Count = { passed: number; failed: number };

/**
 * Writes how many tests passed and failed to the file that REFIT_COUNT_FILE names, for .ci/run's last line; after every
 * test file, since a run that takes too long is killed.
 */
export class CountReporter implements Reporter {
  readonly #ended: TestModule[] = [];

  onTestModuleEnd(module: TestModule): void {
    this.#ended.push(module);
    write(this.#ended);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    write(modules, unhandledErrors.length);
  }
}

function write(modules: readonly TestModule[], errors = 0): void {
  const file = process.env['REFIT_COUNT_FILE'];
  if (file === undefined) return;
  const { passed, failed } = modules.map(countModule).reduce(add, { passed: 0, failed: errors });
  writeFileSync(file, `${passed} passed, ${failed} failed\n`);
}

/** A file that fails as a whole (it could not be loaded, a hook threw) has failed too, though none of its tests did. */
function countModule(module: TestModule): Count {
  const states = [...module.children.allTests()].map((test) => test.result().state);
  const failed = states.filter((state) => state === 'failed').length;
  const broken = failed === 0 && !module.ok() ? 1 : 0;
  return { passed: states.filter((state) => state === 'passed').length, failed: failed + broken };
}

const add = (a: Count, b: Count): Count => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

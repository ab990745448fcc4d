import { writeFileSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

type Count = { passed: number; failed: number };

/** Writes how many tests passed and failed to the file that REFIT_COUNT_FILE names, for .ci/run's last line. */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const file = process.env['REFIT_COUNT_FILE'];
    if (file === undefined) return;
    const count = modules.map(countModule).reduce(add, { passed: 0, failed: unhandledErrors.length });
    writeFileSync(file, `${count.passed} passed, ${count.failed} failed\n`);
  }
}

/** A file that fails as a whole (it could not be loaded, a hook threw) has failed too, though none of its tests did. */
function countModule(module: TestModule): Count {
  const states = [...module.children.allTests()].map((test) => test.result().state);
  const failed = states.filter((state) => state === 'failed').length;
  const broken = failed === 0 && !module.ok() ? 1 : 0;
  return { passed: states.filter((state) => state === 'passed').length, failed: failed + broken };
}

const add = (a: Count, b: Count): Count => ({ passed: a.passed + b.passed, failed: a.failed + b.failed });

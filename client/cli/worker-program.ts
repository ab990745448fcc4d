import { join } from 'node:path';
import { checkout } from '../../lab/paths.ts';

/** Node's arguments for the worker's own program: the command line only starts it, and never loads it. */
export function workerArguments(): readonly string[] {
  // By its path: a bare name would be looked for in the working folder, which is seldom the checkout.
  return ['--import', import.meta.resolve('tsx'), join(checkout, 'worker', 'main.ts')];
}

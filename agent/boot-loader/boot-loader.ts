import type { BootLoaderFacts } from '../../model/bus.ts';

/** Runs a program of the host's; throws when it fails. */
export type Run = (command: readonly string[]) => Promise<void>;

/**
 * What starts the host's kernel. Kernels are named as `uname -r` says them. What reads works from files alone, and so in a
 * container that sees a host's folders; what changes something is on the disk when it returns.
 */
export interface BootLoader {
  readonly name: string;
  /** Why a kernel that does not start would not lead back to the earlier one; null: it would, once that is set up. */
  problem(): string | null;
  /** Whether falling back is set up. */
  isPrepared(): boolean;
  /** Sets falling back up, with this kernel as the default: a newer one that is installed afterwards does not become it. */
  prepare(kernel: string, run: Run): Promise<void>;
  /** Takes away what `prepare` put there, and gives the default back. */
  restore(saved: string | null, run: Run): Promise<void>;
  /** What can be started. */
  kernels(): readonly string[];
  /** Started by default, and once at the next start only; null: nothing says so, or it can't be told. */
  defaultKernel(): string | null;
  once(): string | null;
  /** As the boot loader itself has written down what it starts; null: nothing is. For `restore`. */
  saved(): string | null;
  startOnce(kernel: string, run: Run): Promise<void>;
  clearOnce(run: Run): Promise<void>;
  setDefault(kernel: string, run: Run): Promise<void>;
  /** Command of a shell that makes the kernel the default, for when nothing of refit's runs. */
  setDefaultCommand(kernel: string): string;
}

export const bootLoaderFacts = (loader: BootLoader | string): BootLoaderFacts =>
  typeof loader === 'string' ? { name: null, problem: loader } : { name: loader.name, problem: loader.problem() };

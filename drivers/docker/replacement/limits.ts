import type { ContainerSettings } from '../../../model/replacement.ts';
import type { Draft } from './draft.ts';

type Host = Draft['host'];

/** The engine counts processors in parts of a billion. */
const NANOS_PER_CPU = 1_000_000_000;
/** What an engine makes of a limit without a word on swap: as much swap as memory. */
const DEFAULT_SWAP_FACTOR = 2;
const UNLIMITED = -1;

/** Limits that were asked for, over those that are set. */
export function layLimits(host: Host, { memoryBytes, cpus }: ContainerSettings): Host {
  return {
    ...host,
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: swapFor(host, memoryBytes) }),
    // An engine refuses a number of processors beside a quota, which says the same in another way.
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * NANOS_PER_CPU), CpuQuota: 0, CpuPeriod: 0 }),
  };
}

/** Memory and swap are one number to the engine: what was allowed of swap alone stays, its default moves with the memory. */
function swapFor(host: Host, memoryBytes: number): number {
  const { Memory: memory, MemorySwap: swap } = host;
  if (swap === UNLIMITED) return UNLIMITED;
  if (isDefaultSwap(host) || memoryBytes === 0) return 0;
  return memoryBytes + (swap - memory);
}

/** A kernel that does not count swap has it unlimited, whatever was asked for. */
export const isUsualSwap = (host: Host): boolean => host.MemorySwap === UNLIMITED || isDefaultSwap(host);

const isDefaultSwap = ({ Memory: memory, MemorySwap: swap }: Host): boolean =>
  swap === 0 || swap === memory * DEFAULT_SWAP_FACTOR;

import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

export type DiskSpace = {
  /** The folder itself, or the nearest above it that is there. */
  readonly folder: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly isWritable: boolean;
};

export function freeSpace(path: string): DiskSpace {
  const folder = nearestFolder(path);
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { folder, freeBytes: bavail * bsize, totalBytes: blocks * bsize, isWritable: isWritable(folder) };
}

const nearestFolder = (path: string): string => (existsSync(path) ? path : nearestFolder(dirname(path)));

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

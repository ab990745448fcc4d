import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { MAX_UNIT_FILE_BYTES } from '../model/unit.ts';

/** Its content is a secret: no message quotes it. Read when a container gets it, and kept nowhere. */
export async function readUnitFile(path: string): Promise<Uint8Array> {
  try {
    // Opening a pipe would wait for somebody who writes.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return await readWhole(handle);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const expected = `expected a file of at most ${MAX_UNIT_FILE_BYTES} bytes that the worker may read`;
    throw new Error(`the worker can't read the unit's file ${path}: ${expected}; ${why}`, { cause });
  }
}

/** It may grow while it is read, and is not read further than it may be long. */
async function readWhole(handle: FileHandle): Promise<Uint8Array> {
  if (!(await handle.stat()).isFile()) throw new Error('it is no file');
  const content = Buffer.alloc(MAX_UNIT_FILE_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(content, length, content.length - length, length);
    length += bytesRead;
    if (length > MAX_UNIT_FILE_BYTES) throw new Error('it has more');
    if (bytesRead === 0) return content.subarray(0, length);
  }
}

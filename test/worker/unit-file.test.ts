import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_UNIT_FILE_BYTES } from '../../model/unit.ts';
import { readUnitFile } from '../../worker/unit-file.ts';
import { folderWith } from '../release/folder.ts';

describe('a file of a unit', () => {
  test('is read as its bytes are, up to the largest that is allowed', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await using folder = await folderWith({ key: bytes, empty: '', large: Buffer.alloc(MAX_UNIT_FILE_BYTES, 'A') });

    expect(Buffer.from(await readUnitFile(join(folder.path, 'key')))).toEqual(Buffer.from(bytes));
    expect(await readUnitFile(join(folder.path, 'empty'))).toHaveLength(0);
    expect(await readUnitFile(join(folder.path, 'large'))).toHaveLength(MAX_UNIT_FILE_BYTES);
  });

  test('that is missing, too large or no file is named, with what was expected and never what is in it', async () => {
    await using folder = await folderWith({});
    const [large, pipe] = [join(folder.path, 'large'), join(folder.path, 'pipe')];
    await writeFile(large, 'secret'.padEnd(MAX_UNIT_FILE_BYTES + 1, '.'));
    execFileSync('mkfifo', [pipe]);

    for (const [path, why] of [
      ['/nowhere/key', 'ENOENT'],
      [folder.path, 'it is no file'],
      [pipe, 'it is no file'],
      ['/dev/zero', 'it is no file'],
      [large, 'it has more'],
    ] as const) {
      const failure = await readUnitFile(path).catch(String);

      expect(failure).toContain(
        `the worker can't read the unit's file ${path}: expected a file of at most 1048576 bytes`,
      );
      expect(failure).toContain(why);
      expect(failure).not.toContain('secret');
    }
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readEnvFile } from '../../drivers/env-file.ts';
import { folderWith } from '../release/folder.ts';

describe('an environment file', () => {
  test('has a name and a value a line, as they stand there', async () => {
    await using folder = await folderWith({
      env: '# of the database\nUSER=web\r\n\n  PASSWORD="a=b # c" \nEMPTY=\nUSER=app\n',
    });

    expect(await readEnvFile(join(folder.path, 'env'))).toEqual({ USER: 'app', PASSWORD: '"a=b # c" ', EMPTY: '' });
  });

  test.each(['secret', '=secret', 'A NAME=secret'])('is refused at its line, which is not quoted: %s', async (line) => {
    await using folder = await folderWith({ env: `A=1\n${line}\n` });
    const file = join(folder.path, 'env');

    await expect(readEnvFile(file)).rejects.toThrow(
      new Error(`${file}:2: expected NAME=value, or a comment that begins with #`),
    );
  });

  test('that is missing, no file or too large is named', async () => {
    await using folder = await folderWith({});
    const large = join(folder.path, 'large');
    await writeFile(large, Buffer.alloc(1024 ** 2 + 1, 'A'));

    await expect(readEnvFile('/nowhere/env')).rejects.toThrow(/environment file \/nowhere\/env: ENOENT/);
    await expect(readEnvFile(folder.path)).rejects.toThrow('it is no file');
    await expect(readEnvFile(large)).rejects.toThrow('at most 1048576 are read');
  });
});

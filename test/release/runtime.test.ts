import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { runtimeCommand, runtimeLayer } from '../../drivers/oci/runtime-layer.ts';
import { folderWith } from './folder.ts';

/** Only root may change the root folder. */
const isRoot = process.getuid?.() === 0;

describe('the runtime layer', () => {
  test.runIf(isRoot)('runs a script in a file system that holds nothing else', async () => {
    await using root = await folderWith({ 'script.cjs': SCRIPT });
    await unpackRuntime(root.path);

    const { stdout } = await execa('chroot', [root.path, ...runtimeCommand, '/script.cjs', 'argument']);

    expect(JSON.parse(stdout)).toEqual({
      argv: ['argument'],
      version: process.version,
      digest: 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=',
    });
  });

  test('runs from any folder, as the agent does on a host', async () => {
    await using root = await folderWith({ 'script.cjs': SCRIPT });
    await unpackRuntime(root.path);
    const moved = runtimeCommand.map((part) => (part.startsWith('/') ? join(root.path, part) : part));
    const [loader = '', ...rest] = moved;

    const { stdout } = await execa(loader, [...rest, join(root.path, 'script.cjs'), 'argument']);

    expect(JSON.parse(stdout)).toMatchObject({ argv: ['argument'], version: process.version });
  });

  test('is the same layer every time', async () => {
    expect((await runtimeLayer()).digest).toBe((await runtimeLayer()).digest);
  });
});

/** Does what touches the libraries: hashing, threads, and looking a name up. */
const SCRIPT = `
const { createHash } = require('node:crypto');
require('node:dns').lookup('localhost', () => {
  const digest = createHash('sha256').update('abc').digest('base64');
  console.log(JSON.stringify({ argv: process.argv.slice(2), version: process.version, digest }));
});`;

async function unpackRuntime(folder: string): Promise<void> {
  const { file } = await runtimeLayer();
  await mkdir(join(folder, 'etc'));
  await writeFile(join(folder, 'etc/hosts'), '127.0.0.1 localhost\n');
  await execa('tar', ['--extract', '--gzip', '--file', file, '--directory', folder]);
}

import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import { imageArchitecture } from '../../drivers/oci/image.ts';
import { buildPackage, type MadePackage } from './debian-package.ts';
import { folderWith, type TestFolder } from './folder.ts';

describe('files of a release', () => {
  test('are digested, with release.yaml, and only those that are named', async () => {
    await using folder = await folderWith({
      'release.yaml': manifestOf('./app.conf'),
      'app.conf': 'hello\n',
      x: '',
    });

    const { contents, host } = toRelease(await readReleaseFolder(folder.path));

    expect(contents.map(({ path }) => path)).toEqual(['app.conf', 'release.yaml']);
    expect(contents[0]).toEqual({
      path: 'app.conf',
      sha256: '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03',
      sizeBytes: 6,
    });
    expect(host.steps[0]).toMatchObject({ files: [{ from: 'app.conf' }] });
  });

  test.each(['../secret', '/etc/passwd', 'a/../../secret', '..'])('are never %s, outside the folder', async (from) => {
    await using folder = await folderWith({ 'release.yaml': manifestOf(from) });

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(/files\[0\]\.from: expected a path in the release/);
  });

  test('are not reached through a link that leads out of the folder', async () => {
    await using folder = await folderWith({ 'release.yaml': manifestOf('etc/passwd') });
    await symlink('/etc', join(folder.path, 'etc'));

    await expect(readReleaseFolder(folder.path)).rejects.toThrow('got a link to /etc/passwd');
  });

  test('may be links inside the folder', async () => {
    await using folder = await folderWith({ 'release.yaml': manifestOf('link'), real: 'hello\n' });
    await symlink('real', join(folder.path, 'link'));

    const { contents } = toRelease(await readReleaseFolder(folder.path));

    expect(contents[0]).toMatchObject({ path: 'link', sizeBytes: 6 });
  });

  test.each([
    ['gone', 'got nothing there'],
    ['folder', 'got a folder'],
    ['release.json', 'release.json is written by the build'],
  ])('are refused when they are %s', async (from, problem) => {
    await using folder = await folderWith({ 'release.yaml': manifestOf(from) });
    await mkdir(join(folder.path, 'folder'));

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(problem);
  });

  test('have one target each', async () => {
    await using folder = await folderWith({
      'release.yaml': `name: a
version: 1.0.0
host:
  steps:
    - { id: a, type: files, files: [{ from: x, to: /etc/x }] }
    - { id: b, type: files, files: [{ from: y, to: /etc/x }] }
`,
      x: '',
      y: '',
    });

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(
      'release.yaml:6:48: host.steps[1].files[0].to: "/etc/x" is already host.steps[0].files[0].to',
    );
  });
});

describe('packages of a release', () => {
  test('are read from the files', async () => {
    await using folder = await packagesFolder({ 'a.deb': { name: 'sample-cli', version: '2.0.0-1' } });

    const { host } = toRelease(await readReleaseFolder(folder.path));

    expect(host.steps).toEqual([
      {
        id: 'packages',
        type: 'packages',
        format: 'deb',
        packages: [{ file: 'a.deb', name: 'sample-cli', version: '2.0.0-1', architecture: 'all' }],
      },
    ]);
  });

  test('are for this processor', async () => {
    const architecture = imageArchitecture() === 'amd64' ? 'arm64' : 'amd64';
    await using folder = await packagesFolder({ 'a.deb': { name: 'a', version: '1', architecture } });

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(
      `host.steps[0].files[0]: expected a package for ${imageArchitecture()} or all, got one for ${architecture}: a.deb`,
    );
  });

  test('stand once in a release', async () => {
    await using folder = await packagesFolder({
      'a.deb': { name: 'a', version: '1' },
      'b.deb': { name: 'a', version: '2' },
    });

    await expect(readReleaseFolder(folder.path)).rejects.toThrow('the package a is in a.deb already');
  });

  test('are no other files', async () => {
    await using folder = await packagesFolder({});
    await writeFile(join(folder.path, 'release.yaml'), packagesManifest(['text.deb']));
    await writeFile(join(folder.path, 'text.deb'), 'no package');

    await expect(readReleaseFolder(folder.path)).rejects.toThrow(
      "release.yaml:4:51: host.steps[0].files[0]: expected a Debian package, got a file that dpkg-deb can't read: text.deb",
    );
  });
});

const manifestOf = (from: string): string =>
  `name: a\nversion: 1.0.0\nhost:\n  steps: [{ id: a, type: files, files: [{ from: ${from}, to: /etc/x }] }]\n`;

const packagesManifest = (files: readonly string[]): string =>
  `name: a\nversion: 1.0.0\nhost:\n  steps: [{ id: packages, type: packages, files: [${files.join(', ')}] }]\n`;

async function packagesFolder(packages: Readonly<Record<string, MadePackage>>): Promise<TestFolder> {
  const folder = await folderWith({ 'release.yaml': packagesManifest(Object.keys(packages)) });
  for (const [file, made] of Object.entries(packages)) await buildPackage(join(folder.path, file), made);
  return folder;
}

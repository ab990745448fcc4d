import { chmod, mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceKey } from '../../lab/host-image.ts';

const source = join(import.meta.dirname, '../../lab/host-image');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-image-'));
  await mkdir(join(folder, 'root/etc'), { recursive: true });
  await writeFile(join(folder, 'packages.txt'), 'docker.io\n');
  await writeFile(join(folder, 'root/etc/file'), 'text');
});

afterEach(() => rm(folder, { recursive: true }));

describe('the key of the image of a lab host', () => {
  it('is the same in every checkout', async () => {
    const key = await sourceKey(folder);
    await chmod(join(folder, 'packages.txt'), 0o600);

    expect(await sourceKey(folder)).toBe(key);
    expect(key).toMatch(/^[0-9a-f]{12}$/);
  });

  it('changes with a package, with a file and with its place', async () => {
    const keys = [await sourceKey(folder)];
    await writeFile(join(folder, 'packages.txt'), 'docker.io\ncurl\n');
    keys.push(await sourceKey(folder));
    await writeFile(join(folder, 'root/etc/file'), 'other');
    keys.push(await sourceKey(folder));
    await writeFile(join(folder, 'root/etc/second'), '');
    keys.push(await sourceKey(folder));

    expect(new Set(keys).size).toBe(4);
  });
});

describe('the image of a lab host', () => {
  it('has nothing of refit in it', async () => {
    const packages = (await readFile(join(source, 'packages.txt'), 'utf8'))
      .split('\n')
      .filter((line) => /^[^#]/.test(line));

    expect(packages).toEqual([...packages].sort());
    expect(packages.filter((name) => /node|npm|refit/.test(name))).toEqual([]);
  });

  it('has an engine that leaves its containers alone when it is killed', async () => {
    const settings: unknown = JSON.parse(await readFile(join(source, 'root/etc/docker/daemon.json'), 'utf8'));

    expect(settings).toMatchObject({
      'live-restore': true,
      tlsverify: true,
      'insecure-registries': ['registry.lab:5000'],
    });
  });
});

import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIRST_VERSION, NEXT_VERSION, writeSample } from '../../lab/sample/sample.ts';
import { fill } from '../../lab/sample/template.ts';

const dnsImage = `registry.lab:5000/sample-dns@sha256:${'a'.repeat(64)}`;
const webImage = `registry.lab:5000/sample-web@sha256:${'b'.repeat(64)}`;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-sample-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the sample platform', () => {
  test('written twice it is the same, byte for byte', async () => {
    await writeSample({ version: NEXT_VERSION, dir: join(folder, 'a'), dnsImage, webImage });
    await writeSample({ version: NEXT_VERSION, dir: join(folder, 'b'), dnsImage, webImage });

    expect(await digests(join(folder, 'a'))).toEqual(await digests(join(folder, 'b')));
  });

  test('its packages carry the version, and their programs may be run', async () => {
    const dir = join(folder, 'first');

    await writeSample({ version: FIRST_VERSION, dir, dnsImage, webImage });

    const file = join(dir, `packages/sample-daemon_${FIRST_VERSION}_all.deb`);
    expect((await execa('dpkg-deb', ['-f', file, 'Package', 'Version'])).stdout).toBe(
      `Package: sample-daemon\nVersion: ${FIRST_VERSION}`,
    );
    expect((await execa('dpkg-deb', ['-c', file])).stdout).toMatch(
      /^-rwxr-xr-x root\/root .*usr\/lib\/sample\/daemon$/m,
    );
  });

  test('only the later release restarts the host', async () => {
    await writeSample({ version: FIRST_VERSION, dir: join(folder, '1'), dnsImage, webImage });
    await writeSample({ version: NEXT_VERSION, dir: join(folder, '2'), dnsImage, webImage });

    expect(await readFile(join(folder, '1/release.yaml'), 'utf8')).not.toContain('type: reboot');
    expect(await readFile(join(folder, '2/release.yaml'), 'utf8')).toContain('type: reboot');
  });

  test('the name server and the web server are named by digest', async () => {
    await writeSample({ version: NEXT_VERSION, dir: join(folder, 'dns'), dnsImage, webImage });

    expect(await readFile(join(folder, 'dns/release.yaml'), 'utf8')).toContain(`image: '${dnsImage}'`);
    expect(await readFile(join(folder, 'dns/release.yaml'), 'utf8')).toContain(`image: '${webImage}'`);
  });

  test('a place without a value is named', () => {
    expect(() => fill('version: @OTHER@', { VERSION: '1' })).toThrow('no value for @OTHER@');
  });
});

async function digests(dir: string): Promise<Record<string, string>> {
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found: Record<string, string> = {};
  for (const file of files.sort()) {
    found[file.slice(dir.length)] = createHash('sha256')
      .update(await readFile(file))
      .digest('hex');
  }
  return found;
}

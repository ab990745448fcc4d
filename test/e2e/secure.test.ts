import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { openLab, type Lab } from '../../lab/lab.ts';
import { publishSample } from '../../lab/sample/publish.ts';
import { isNightly } from '../nightly.ts';

/** A lab of its own: etcd knows each host by its certificate, and gives it its own keys alone. */
const LAB = 'securetest';

const program = join(import.meta.dirname, '../../bin/refit.mjs');

/** Takes as long as any upgrade of three hosts; at night only. */
describe.skipIf(!isNightly)('a fleet whose etcd knows every host by its certificate', () => {
  let folder: string;
  let lab: Lab;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refit-secure-'));
    lab = openLab(LAB, folder);
    const up = await lab.up({ hosts: 3, secure: true });
    expect(up.kind).toBe('up');
  });

  afterAll(async () => {
    await lab.down();
    await rm(folder, { recursive: true });
  });

  const refit = async (...args: readonly string[]): Promise<unknown> => {
    const env = { REFIT_LAB: LAB, REFIT_FLEET: lab.paths.fleetFile };
    const { stdout } = await execa(process.execPath, [program, ...args, '--json'], { cwd: folder, env });
    return JSON.parse(stdout);
  };

  test.each([
    ['daisy-chain', '1.0.0'],
    ['serial', '2.0.0'],
  ])('is upgraded as any other, %s', async (install, version) => {
    const { registries } = loadFleet(lab.paths.fleetFile);
    const { reference } = await publishSample({ version, folder: join(folder, 'sample'), registries });

    const upgrade = await refit('upgrade', reference, '--install', install);

    expect(upgrade).toMatchObject({ state: 'succeeded' });
    expect(await refit('fleet', 'status')).toMatchObject({
      hosts: [1, 2, 3].map((number) => ({ name: `host-${number}`, alive: true, state: 'done' })),
    });
  });

  test('has exactly the rights that it should have', async () => {
    const root = ['etcd-root.pem', 'etcd-root-key.pem'].map((name) => join(lab.paths.tlsFolder, name));

    expect(await refit('bus', 'check', '--cert-file', root[0] ?? '', '--key-file', root[1] ?? '')).toMatchObject({
      changes: [],
      left: [],
      enforced: true,
    });
  });
});

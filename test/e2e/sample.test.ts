import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { loadFleet } from '../../drivers/fleet-file.ts';
import { publishSample } from '../../lab/sample/publish.ts';
import { isNightly } from '../nightly.ts';
import { inventory } from './platform/inventory.ts';
import { lab, onHost, refit, refitJson, type Upgrade } from './platform/refit.ts';
import { hosts, nextVersion, settleFleet } from './platform/upgrade.ts';

afterEach(settleFleet);

/** A last step that works on every host but host-3, after packages, container, reboot and unit. */
const FAILING_STEP = `    - id: only-elsewhere
      type: run
      check: [test, -e, /run/only-elsewhere]
      command: [sh, -c, 'test "$(hostname)" != host-3 && touch /run/only-elsewhere']
      undo: [rm, -f, /run/only-elsewhere]
`;

test.skipIf(!isNightly)(
  'packages, files, units, containers and reboots of a whole platform go back byte for byte',
  async () => {
    const base = await publish(nextVersion());
    await refitJson<Upgrade>(['upgrade', base.reference, '--install', 'waves', '--waves', '1,100%']);
    const before = await Promise.all(hosts.map(inventory));
    const broken = await publish(nextVersion(), (manifest) =>
      manifest.replace('  health:\n', `${FAILING_STEP}  health:\n`),
    );

    const paused = await refitJson<Upgrade>(['upgrade', broken.reference], 4);
    expect(paused.hosts.map(({ state }) => state)).toEqual(['done', 'done', 'reverted', 'staged']);
    expect(await onHost('host-2', ['dpkg-query', '-W', '-f', '${Version}', 'sample-daemon'])).toBe(broken.version);
    const back = await refit(['rollback', paused.id, '--reason', 'broken on host-3']);

    expect(back.exitCode, back.stderr).toBe(0);
    for (const [index, host] of hosts.entries()) expect(await inventory(host), host).toBe(before[index]);
  },
);

test('a whole platform is upgraded, and every host measures packages, daemon and name server at the new version', async () => {
  const { reference, version } = await publish(nextVersion());

  const upgrade = await refitJson<Upgrade>(['upgrade', reference, '--install', 'daisy-chain']);

  expect(upgrade.state).toBe('succeeded');
  for (const host of hosts) {
    expect(await onHost(host, ['dpkg-query', '-W', '-f', '${Version} ${db:Status-Status}', 'sample-daemon'])).toBe(
      `${version} installed`,
    );
    expect(await onHost(host, ['curl', '-s', 'http://127.0.0.1:8080/health'])).toContain(version);
    expect(await onHost(host, ['dig', '+short', '@127.0.0.1', '-p', '5353', 'version.sample', 'TXT'])).toContain(
      version,
    );
  }
});

async function publish(
  version: string,
  edit: (manifest: string) => string = (manifest) => manifest,
): Promise<{ readonly version: string; readonly reference: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-sample-'));
  const { registries } = loadFleet(lab.paths.fleetFile);
  // A fleet is on one product: the one that the other tests install.
  const renamed = (manifest: string): string => edit(manifest).replace('name: sample\n', 'name: test-platform\n');
  const { reference } = await publishSample({ version, folder, registries, edit: renamed });
  return { version, reference };
}

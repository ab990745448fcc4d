import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mustRun } from '../../agent/commands.ts';
import { isHeld, readPackages } from '../../agent/dpkg-status.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { Json } from '../../agent/ports.ts';
import {
  arePackagesThere,
  capturePackages,
  installPackages,
  newPackages,
  putPackagesBack,
} from '../../agent/steps/debian-packages.ts';
import type { StepSite } from '../../agent/steps/kind.ts';
import type { Package } from '../../model/release.ts';
import { buildPackage } from '../release/debian-package.ts';
import { stepSite } from './step-site.ts';
import { write, writeProgram } from './test-host.ts';

const NAME = 'sample';
let folder: string;
let places: Places;
/** The next version. */
let inRelease: string;
const path = process.env['PATH'];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'refit-packages-'));
  places = placesUnder(join(folder, 'host'));
  inRelease = join(folder, 'release', fileOf('2'));
  write(places.on('/var/lib/dpkg/status'), '');
  write(places.on('/var/lib/dpkg/info/format'), '1\n');
  mkdirSync(places.on('/var/lib/dpkg/updates'));
  // The real one, on the host in the folder.
  const real = `exec /usr/bin/dpkg --root=${places.root} --force-not-root --force-script-chrootless "$@"`;
  writeProgram(join(folder, 'bin/dpkg'), real);
  process.env['PATH'] = `${join(folder, 'bin')}:${path ?? ''}`;
  for (const [file, version] of [
    [kept('1'), '1'],
    [inRelease, '2'],
  ] as const) {
    await buildPackage(file, { name: NAME, version, files: ['opt/sample'] });
  }
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true, force: true });
});

const fileOf = (version: string): string => `${NAME}_${version}_all.deb`;
/** Where apt keeps what it installed. */
const kept = (version: string): string => places.on(`/var/cache/apt/archives/${fileOf(version)}`);

const step: { readonly packages: readonly Package[] } = {
  packages: [{ file: fileOf('2'), name: NAME, version: '2', architecture: 'all' }],
};
const site = (): StepSite => stepSite(folder, places);

const onHost = (args: readonly string[], input?: string): Promise<unknown> =>
  mustRun(['dpkg', ...args], { timeoutMs: 60_000, input });
const hold = (): Promise<unknown> => onHost(['--set-selections'], `${NAME} hold\n`);

/** As an operator sees it. */
const shown = (): string => {
  const found = readPackages(places.root, new Set([NAME])).get(NAME);
  return found === undefined ? 'not there' : `${found.version}, ${found.status}`;
};
const install = async (): Promise<Json> => {
  const before = capturePackages(step, site());
  await installPackages(step, before, site());
  return before;
};

test('a package on hold is replaced, and is on hold afterwards, and on the way back as well', async () => {
  await onHost(['--install', kept('1')]);
  await hold();

  const before = await install();
  const installed = shown();
  await putPackagesBack(before, site());

  expect([installed, shown()]).toEqual(['2, hold ok installed', '1, hold ok installed']);
});

test('one that lost its hold in a run that was cut off gets it again', async () => {
  await onHost(['--install', kept('1')]);
  await hold();
  const before = capturePackages(step, site());
  await onHost(['--install', inRelease]);

  const cutOff = await arePackagesThere(step, before, site());
  await installPackages(step, before, site());

  expect([cutOff, await arePackagesThere(step, before, site())]).toEqual([false, true]);
  expect(isHeld(readPackages(places.root, new Set([NAME])).get(NAME))).toBe(true);
});

test('one that is on hold at this version already is not new, so that the way back leaves it', async () => {
  await onHost(['--install', inRelease]);
  await hold();

  const before = await install();
  await putPackagesBack(before, site());

  expect([newPackages(before), shown()]).toEqual([[], '2, hold ok installed']);
});

test('one that was not there is gone after the way back', async () => {
  const before = await install();
  const installed = shown();
  await putPackagesBack(before, site());

  expect([newPackages(before), installed, shown()]).toEqual([[NAME], '2, install ok installed', 'not there']);
});

test.each(['install reinstreq installed', 'install ok half-configured', 'deinstall ok half-installed'])(
  'one that is neither there nor gone (%s) is refused with what mends it',
  async (status) => {
    write(places.on('/var/lib/dpkg/status'), `Package: ${NAME}\nStatus: ${status}\nVersion: 1\nArchitecture: all\n`);

    await expect(install()).rejects.toThrow(`${NAME} is ${status}, so there would be no way back`);
  },
);

test('one whose installed version’s file is not kept is refused with where to put it', async () => {
  await onHost(['--install', kept('1')]);
  rmSync(kept('1'));

  await expect(install()).rejects.toThrow('apt-get download sample=1');
});

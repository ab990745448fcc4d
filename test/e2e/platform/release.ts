import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IfEdited } from '../../../model/release.ts';
import { refit, refitJson } from './refit.ts';

/** A release of the test platform: small, and held or broken on single hosts by files that a test puts there. */
export type TestRelease = {
  readonly version: string;
  /** Name of the repository in the lab's registry. */
  readonly name?: string;
  /** Further lines of release.yaml, at the top level. */
  readonly extra?: string;
  readonly withReboot?: boolean;
  /** SETTINGS_FILE is a part of it, with this said of an edited one; its content is the version's. */
  readonly settingsIfEdited?: IfEdited;
};

/** While this file is there, the step `slow` goes on; gone after a reboot. */
export const HOLD_FILE = '/run/refit-test/hold';
/** While this file is there, the step `fragile` fails; a reboot leaves it. */
export const BREAK_FILE = '/var/lib/refit-test/break';
/** An administrator's to edit. */
export const SETTINGS_FILE = '/etc/refit-test/settings';
/** Every step that takes effect writes one line here. */
export const EFFECTS_FILE = '/var/log/refit-test-effects';

type Built = { readonly reference: string; readonly digest: string };

/** Builds and pushes the release; its reference by digest. */
export async function publish(folder: string, release: TestRelease): Promise<string> {
  const name = release.name ?? 'test-platform';
  const dir = join(folder, `${name}-${release.version}`);
  await mkdir(join(dir, 'files'), { recursive: true });
  await writeFile(join(dir, 'files/version'), `${release.version}\n`);
  await writeFile(join(dir, 'files/settings'), `default of ${release.version}\n`);
  await writeFile(join(dir, 'release.yaml'), manifest(name, release));
  const built = await refitJson<Built>([
    'release',
    'build',
    dir,
    '--push',
    `registry.lab:5000/${name}:${release.version}`,
  ]);
  return built.reference;
}

const settings = (ifEdited: IfEdited): string => `    - id: settings
      type: files
      files: [{ from: files/settings, to: ${SETTINGS_FILE}, ifEdited: ${ifEdited} }]
`;

export { refit };

export function manifest(
  name: string,
  { version, extra = '', withReboot = false, settingsIfEdited }: TestRelease,
): string {
  return `name: ${name}
version: ${version}
${extra}
host:
  deadline: 2m
  diskFree: 1MiB
  steps:
    - id: version-file
      type: files
      files: [{ from: files/version, to: /etc/refit-test/version, mode: "0644", owner: root, group: root }]
${settingsIfEdited === undefined ? '' : settings(settingsIfEdited)}    - id: slow
      type: run
      check: [grep, -qsx, "slow ${version}", ${EFFECTS_FILE}]
      command: [sh, -c, "while [ -e ${HOLD_FILE} ]; do sleep 0.05; done; echo slow ${version} >> ${EFFECTS_FILE}"]
      undo: [sed, -i, "/^slow ${version}$/d", ${EFFECTS_FILE}]
      timeout: 90s
${withReboot ? '    - { id: restart, type: reboot, timeout: 2m }\n' : ''}    - id: fragile
      type: run
      check: [grep, -qsx, "fragile ${version}", ${EFFECTS_FILE}]
      command: [sh, -c, "test ! -e ${BREAK_FILE} && echo fragile ${version} >> ${EFFECTS_FILE}"]
      undo: [sed, -i, "/^fragile ${version}$/d", ${EFFECTS_FILE}]
      probe: [sh, -c, "test ! -e ${BREAK_FILE}"]
      timeout: 20s
  health:
    minHealthyTime: 200ms
    deadline: 30s
    probes:
      - { type: exec, command: [grep, -qx, "${version}", /etc/refit-test/version] }
`;
}

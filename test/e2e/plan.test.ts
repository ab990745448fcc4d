import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { IfEdited } from '../../model/release.ts';
import { isNightly } from '../nightly.ts';
import { onHost, refit, refitJson, type Upgrade } from './platform/refit.ts';
import { SETTINGS_FILE } from './platform/release.ts';
import { hosts, installedVersion, publishNext, settleFleet, untilOver } from './platform/upgrade.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-plan-'));
});
afterEach(settleFleet);
afterAll(() => rm(folder, { recursive: true, force: true }));

const together = ['--install', 'waves', '--waves', '100%'] as const;

test.skipIf(!isNightly)('a saved plan is started as it was shown', async () => {
  const base = await publishNext();
  await refitJson<Upgrade>(['upgrade', base.reference, ...together]);
  const next = await publishNext();
  const file = join(folder, 'shown.json');

  await refitJson(['plan', next.reference, ...together, '--save', file]);
  const upgrade = await refitJson<Upgrade>(['upgrade', '--plan', file]);

  expect(upgrade.state).toBe('succeeded');
  expect(upgrade.hosts.map(({ from, to }) => `${from ?? ''} ${to ?? ''}`)).toEqual(
    hosts.map(() => `${base.version} ${next.version}`),
  );
});

test.skipIf(!isNightly)(
  'a saved plan is refused when the fleet has changed since, naming what changed, and nothing is started',
  async () => {
    const base = await publishNext();
    await refitJson<Upgrade>(['upgrade', base.reference, ...together]);
    const [between, next] = [await publishNext(), await publishNext()];
    const file = join(folder, 'old.json');
    await refitJson(['plan', next.reference, ...together, '--save', file]);
    await refitJson<Upgrade>(['upgrade', between.reference, ...together]);

    const refused = await refit(['upgrade', '--plan', file]);

    expect(refused.exitCode).toBe(2);
    for (const host of hosts)
      expect(refused.stderr).toContain(`${host} was on ${base.version}, is on ${between.version}`);
    expect(await Promise.all(hosts.map(installedVersion))).toEqual(hosts.map(() => between.version));
  },
);

describe('a file that an administrator edited', () => {
  const edited = 'as the administrator wants it';

  /** A release before and one after the edit on host-2. */
  async function editBetween(
    settingsIfEdited: IfEdited,
  ): Promise<{ readonly version: string; readonly reference: string }> {
    const base = await publishNext({ settingsIfEdited });
    await refitJson<Upgrade>(['upgrade', base.reference, ...together]);
    await onHost('host-2', ['sh', '-c', `rm -f ${SETTINGS_FILE}.refit-*; echo ${edited} > ${SETTINGS_FILE}`]);
    return publishNext({ settingsIfEdited });
  }
  const read = async (name: string): Promise<string> => onHost('host-2', ['cat', name]);

  test('by ask stops its host untouched, and retry goes on as the operator says', async () => {
    const { reference, version } = await editBetween('ask');

    const asked = await refitJson<Upgrade>(['upgrade', reference], 4);
    const untouched = await installedVersion('host-2');
    await refitJson(['retry', asked.id, 'host-2', '--edited', 'keep']);
    const end = await untilOver(asked.id);

    expect(asked.hosts[1]).toMatchObject({ state: 'failed' });
    expect(asked.waiting[0]?.what).toContain(`${SETTINGS_FILE} on host host-2 was edited`);
    expect(untouched).not.toBe(version);
    expect(end.state).toBe('succeeded');
    expect(await read(SETTINGS_FILE)).toBe(edited);
    expect(await read(`${SETTINGS_FILE}.refit-new`)).toBe(`default of ${version}`);
  });

  test.skipIf(!isNightly).each(['keep', 'replace'] as const)('survives by %s', async (ifEdited) => {
    const { reference, version } = await editBetween(ifEdited);

    await refitJson<Upgrade>(['upgrade', reference, ...together]);

    const [there, beside] = ifEdited === 'keep' ? [edited, 'new'] : [`default of ${version}`, 'edited'];
    expect(await read(SETTINGS_FILE)).toBe(there);
    expect(await read(`${SETTINGS_FILE}.refit-${beside}`)).toBe(ifEdited === 'keep' ? `default of ${version}` : edited);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import { shopFrontends } from '../../lab/shop-frontends.ts';
import type { ShopImages } from '../../lab/sample/shop-images.ts';
import { shopManifest, shopUnit, type Manifest, type ShopOptions } from '../../lab/sample/shop-unit.ts';
import { parseHostId } from '../../model/ids.ts';
import { hasNoWayBack, type UnitRelease } from '../../model/unit.ts';
import { levelsOf, placeUnit } from '../../model/unit-placement.ts';

const image = (name: string): string => `registry.lab:5000/shop-${name}@sha256:${'a'.repeat(64)}`;
const images: ShopImages = {
  ...{ db: image('db'), web: image('web'), api: image('api'), worker: image('worker') },
  ...{ account: image('account'), check: image('check'), shipper: image('shipper') },
};

/** As a release has it once it is built. */
async function built(
  options: Omit<ShopOptions, 'images'> = {},
  edit = (unit: Manifest): Manifest => unit,
): Promise<UnitRelease> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-shop-unit-'));
  try {
    await writeFile(join(folder, 'release.yaml'), shopManifest('2.0.0', edit(shopUnit({ images, ...options }))));
    const [unit] = toRelease(await readReleaseFolder(folder)).units;
    if (unit === undefined) throw new Error('expected a unit');
    return unit;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the unit of the shop', () => {
  test('is one that a release takes, with members where the load balancer of a lab looks for them', async () => {
    const unit = await built();

    for (const frontend of Object.values(shopFrontends)) {
      const { service, members, port } = frontend;
      expect(unit.services.find(({ name }) => name === service)).toMatchObject({ members, port });
    }
    expect(unit.services.filter(({ shared }) => shared).map(({ name }) => name)).toEqual(['db']);
    expect([...levelsOf(unit.services)].map(([name, level]) => `${level} ${name}`).sort()).toEqual([
      '0 db',
      '1 api',
      '1 worker',
      '2 web',
    ]);
  });

  test('fits into a lab of two hosts, its database on the first', async () => {
    const hosts = ['first', 'other'].map((role, index) => ({
      name: parseHostId(`host-${index + 1}`),
      labels: { role },
    }));

    const { members, short } = placeUnit(await built(), 'green', hosts);

    expect(short).toEqual([]);
    expect(members.map(({ host, container }) => `${host} ${container}`)).toEqual([
      'host-1 shop-shared-db-1',
      'host-1 shop-green-api-1',
      'host-2 shop-green-api-2',
      'host-1 shop-green-web-1',
      'host-2 shop-green-web-2',
      'host-1 shop-green-web-3',
      'host-1 shop-green-worker-1',
      'host-1 shop-green-shipper-1',
      'host-2 shop-green-shipper-2',
    ]);
  });

  test('has files of the site, account data, an add-on and tests', async () => {
    const unit = await built();

    expect(unit.services.flatMap(({ files }) => files)).toMatchObject([{ file: 'tls-key', mode: '0400' }]);
    expect(unit.accountData).toMatchObject({ beside: 'api', files: [{ file: 'account' }] });
    expect([unit.addOns, unit.tests].map((all) => all.map(({ name }) => name))).toEqual([['shipper'], ['smoke']]);
  });

  test('its second schema can be taken back until the other slot is gone', async () => {
    const { migrations } = await built();

    expect(migrations.map(({ name, when }) => `${when} ${name}`)).toEqual([
      'expand tables',
      'expand orders-v2',
      'contract orders-v2-notes',
    ]);
    expect(migrations.some(hasNoWayBack)).toBe(false);
    expect((await built({ schema: 1 })).migrations.map(({ name }) => name)).toEqual(['tables']);
  });

  test('takes another policy, other variables and other members', async () => {
    const unit = await built({
      policy: { approval: true, keep: '1h', soak: { duration: '0s', maxErrorRate: 'none' } },
      env: { smoke: { CHECK_FAILS: '1' }, web: { SLOT: 'any' } },
      webMembers: 2,
    });

    expect(unit.policy).toMatchObject({
      approval: true,
      keepMs: 3_600_000,
      soak: { durationMs: 0, maxErrorRate: null },
    });
    expect(unit.tests[0]?.env).toMatchObject({ CHECK_FAILS: '1', WEB: '{web.addresses}' });
    expect(unit.services.find(({ name }) => name.toString() === 'web')).toMatchObject({
      members: 2,
      env: { SLOT: 'any' },
    });
  });
});

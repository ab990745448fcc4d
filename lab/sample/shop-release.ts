import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgent } from '../../agent/build.ts';
import { createRegistry, type Published } from '../../drivers/registry.ts';
import { buildRelease } from '../../drivers/release/build.ts';
import type { Fleet } from '../../model/fleet.ts';
import { publishShopImages, type ShopVersion } from './shop-images.ts';
import { shopManifest, shopUnit, type Manifest, type ShopOptions } from './shop-unit.ts';

/** Repository of the shop's releases in the lab's registry. */
export const SHOP_REPOSITORY = 'registry.lab:5000/shop';

export type PublishShopOptions = ShopVersion &
  Omit<ShopOptions, 'images'> & {
    /** Where the release's folder and its image are made. */
    readonly folder: string;
    readonly registries: Fleet['registries'];
    /** Last change to the unit, for a release that is to fail in a certain way. */
    readonly edit?: (unit: Manifest) => Manifest;
  };

/** Builds a release of the shop, the images of its unit first, and publishes it. Nothing of it is for the hosts themselves. */
export async function publishShop(options: PublishShopOptions): Promise<Published> {
  const { version, folder, registries, edit = (unit: Manifest): Manifest => unit } = options;
  const images = await publishShopImages(options);
  const dir = join(folder, `shop-${version}`);
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'release.yaml'), shopManifest(version, edit(shopUnit({ ...options, images }))));
  const output = join(folder, `shop-${version}-image`);
  const { layout } = await buildRelease({ folder: dir, agent: buildAgent, output });
  return createRegistry(registries).push({ layout, reference: SHOP_REPOSITORY, version });
}

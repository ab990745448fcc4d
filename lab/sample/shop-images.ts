import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuiltImage, Healthcheck } from '../../drivers/oci/image.ts';
import { createRegistry } from '../../drivers/registry.ts';
import type { Fleet } from '../../model/fleet.ts';
import { buildScriptImage, scriptCommand, type ScriptService } from './script-image.ts';
import { buildShopDbImage } from './shop-db-image.ts';

/** What the unit `shop` is made of, each an image of its own. */
const scripts = {
  web: { modules: ['serve', 'fault'], exposedPorts: ['8080/tcp'], hasCheck: true },
  api: { modules: ['serve', 'postgres'], exposedPorts: ['8080/tcp'], hasCheck: true },
  worker: { modules: ['postgres'], exposedPorts: [], hasCheck: true },
  account: { modules: ['postgres'], exposedPorts: [], hasCheck: false },
  check: { modules: [], exposedPorts: [], hasCheck: false },
  shipper: { modules: [], exposedPorts: [], hasCheck: false },
} as const satisfies Readonly<Record<string, ScriptImage>>;

type ScriptImage = Required<Pick<ScriptService, 'modules' | 'exposedPorts'>> & {
  /** Whether it can be asked how it is. */
  readonly hasCheck: boolean;
};
export type ShopScript = keyof typeof scripts;

/** By digest. */
export type ShopImages = Readonly<Record<ShopScript | 'db', string>>;

export type ShopVersion = {
  readonly version: string;
  readonly fault?: ShopFault;
};

/**
 * What goes wrong with the pages of a version, on purpose, once they have had so many requests. sick: they serve, and say
 * that they are not healthy · failing: that share of the requests, 0 to 1, is answered with 500.
 */
export type ShopFault =
  | { readonly kind: 'none' }
  | { readonly kind: 'sick'; readonly after: number }
  | { readonly kind: 'failing'; readonly share: number; readonly after: number };

/** The engine looks this often; a start of Node costs some 50 ms of a processor. */
const CHECK_INTERVAL_MS = 2_000;
const CHECK_TIMEOUT_MS = 5_000;
/** One failed look on a busy machine is no illness. */
const CHECK_RETRIES = 2;
/** A busy machine takes that long to start them. */
const START_PERIOD_MS = 60_000;

/** Builds one of the shop's images in the folder `layout`; no Docker Engine is needed for it. */
export async function buildShopImage(
  name: ShopScript,
  { version, fault = { kind: 'none' } }: ShopVersion,
  layout: string,
): Promise<BuiltImage> {
  const { modules, exposedPorts, hasCheck } = scripts[name];
  const script = { name: `shop-${name}`, folder: 'shop', version, values: { FAULT: JSON.stringify(fault) } };
  const healthcheck = hasCheck ? { healthcheck: healthcheckOf(script.name) } : {};
  return buildScriptImage({ ...script, modules, exposedPorts, ...healthcheck }, layout);
}

/** Builds and publishes all of them. The database is the same in every version. */
export async function publishShopImages(
  shop: ShopVersion & { readonly registries: Fleet['registries'] },
): Promise<ShopImages> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-shop-'));
  const registry = createRegistry(shop.registries);
  const push = async (name: ShopScript | 'db', { layout }: BuiltImage): Promise<string> =>
    (await registry.push({ layout, reference: `registry.lab:5000/shop-${name}`, version: shop.version })).reference;
  try {
    const script = async (name: ShopScript): Promise<string> =>
      push(name, await buildShopImage(name, shop, join(folder, name)));
    return {
      db: await push('db', await buildShopDbImage(join(folder, 'db'))),
      web: await script('web'),
      api: await script('api'),
      worker: await script('worker'),
      account: await script('account'),
      check: await script('check'),
      shipper: await script('shipper'),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function healthcheckOf(script: string): Healthcheck {
  const command = [...scriptCommand(script), 'check'];
  return {
    command,
    intervalMs: CHECK_INTERVAL_MS,
    timeoutMs: CHECK_TIMEOUT_MS,
    retries: CHECK_RETRIES,
    startPeriodMs: START_PERIOD_MS,
  };
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRegistry } from '../../../drivers/registry.ts';
import type { Fleet } from '../../../model/fleet.ts';
import { buildScriptImage, scriptCommand } from '../../../lab/sample/script-image.ts';
import { buildShopDbImage } from '../../../lab/sample/shop-db-image.ts';

/** Asks the database as well; on a busy machine that takes a while. */
const HEALTHCHECK = {
  command: [...scriptCommand('ledger'), 'check'],
  ...{ intervalMs: 1_000, timeoutMs: 5_000, retries: 3 },
};

export type LedgerVersion = {
  readonly version: string;
  /** SQL of what it writes into each column beside the entry's number `n`. */
  readonly columns: Readonly<Record<string, string>>;
  readonly registries: Fleet['registries'];
};

/** Builds and publishes a service that writes entries into a database; returns its reference by digest. */
export async function publishLedger({ version, columns, registries }: LedgerVersion): Promise<string> {
  const script = { name: 'ledger', folder: 'shop', modules: ['serve', 'postgres'], version };
  const values = { COLUMNS: JSON.stringify(columns) };
  const image = { ...script, values, exposedPorts: ['8080/tcp'], healthcheck: HEALTHCHECK };
  return publish({ name: 'sample-ledger', version, registries }, async (layout) => buildScriptImage(image, layout));
}

/** The same for its database, which has psql, pg_dump and pg_restore beside the server. */
export async function publishLedgerDb(registries: Fleet['registries']): Promise<string> {
  return publish({ name: 'sample-ledger-db', version: '15', registries }, async (layout) => buildShopDbImage(layout));
}

type Published = { readonly name: string; readonly version: string; readonly registries: Fleet['registries'] };

async function publish(
  { name, version, registries }: Published,
  build: (layout: string) => Promise<{ readonly layout: string }>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-ledger-'));
  try {
    const { layout } = await build(join(folder, 'image'));
    return (await createRegistry(registries).push({ layout, reference: `registry.lab:5000/${name}`, version }))
      .reference;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

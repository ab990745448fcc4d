import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BuiltImage } from '../../drivers/oci/image.ts';
import { createRegistry } from '../../drivers/registry.ts';
import type { Fleet } from '../../model/fleet.ts';
import { buildScriptImage, scriptCommand } from './script-image.ts';

const WEB_REPOSITORY = 'registry.lab:5000/sample-web';

/** The engine looks this often; a start of Node costs some 50 ms of a processor. */
const CHECK_INTERVAL_MS = 1_000;
const CHECK_TIMEOUT_MS = 5_000;
/** One failed look on a busy machine is no illness. */
const CHECK_RETRIES = 2;

export type WebVersion = {
  readonly version: string;
  /** It starts, answers, and says of itself that it is not healthy. */
  readonly sick?: boolean;
};

/** Builds the sample platform's web server, with a health check of its own, as an image in the folder `layout`. */
export async function buildWebImage({ version, sick = false }: WebVersion, layout: string): Promise<BuiltImage> {
  const healthcheck = {
    command: [...scriptCommand('web'), 'check'],
    intervalMs: CHECK_INTERVAL_MS,
    timeoutMs: CHECK_TIMEOUT_MS,
    retries: CHECK_RETRIES,
  };
  const values = { SICK: sick ? '1' : '0' };
  return buildScriptImage({ name: 'web', version, values, exposedPorts: ['8080/tcp'], healthcheck }, layout);
}

/** Builds and publishes it; returns its reference by digest. */
export async function publishWeb(web: WebVersion & { readonly registries: Fleet['registries'] }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-web-'));
  try {
    const { layout } = await buildWebImage(web, join(folder, 'image'));
    const published = { layout, reference: WEB_REPOSITORY, version: web.version };
    return (await createRegistry(web.registries).push(published)).reference;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

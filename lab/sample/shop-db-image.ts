import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../drivers/oci/blob.ts';
import { buildImage, type BuiltImage } from '../../drivers/oci/image.ts';
import type { Layer } from '../../drivers/oci/layer.ts';
import { cachedLayer } from '../../drivers/oci/layer-cache.ts';
import type { TarFile } from '../../drivers/oci/tar.ts';
import { digestHex } from '../../model/ids.ts';
import { docker, tryDocker } from '../docker.ts';
import { ensureEngine } from '../engine.ts';
import { ensureHostImage, sourceKey } from '../host-image.ts';
import { cacheFolder } from '../paths.ts';
import type { Say } from '../programs.ts';

/** Where the server's own programs are; its image has hardly any others. */
const PROGRAMS = '/usr/lib/postgresql/15/bin';
const START = '/app/shop-db.sh';

/** Copying some 80 MB inside a container, and out of it; ms. */
const COLLECT_MS = 120_000;

/** The engine looks this often; a look costs a few milliseconds of a processor. */
const CHECK_INTERVAL_MS = 1_000;
const CHECK_TIMEOUT_MS = 5_000;
const CHECK_RETRIES = 3;
/** A busy machine takes that long to make the database. */
const START_PERIOD_MS = 60_000;

const source = join(import.meta.dirname, 'shop');
const silent: Say = () => undefined;

/**
 * Builds a PostgreSQL 15 server, with psql for whoever has it run a command, as an image in the folder `layout`. Its
 * programs are those of a lab host's image, so an engine is needed where the cache does not have them yet.
 */
export async function buildShopDbImage(layout: string, say: Say = silent): Promise<BuiltImage> {
  return buildImage(
    {
      layers: [await programsLayer(say), await startLayer()],
      entrypoint: ['/bin/sh', START],
      env: { PATH: `${PROGRAMS}:/usr/bin:/bin` },
      exposedPorts: ['5432/tcp'],
      healthcheck: {
        command: [`${PROGRAMS}/pg_isready`, '--quiet', '--host=127.0.0.1'],
        intervalMs: CHECK_INTERVAL_MS,
        timeoutMs: CHECK_TIMEOUT_MS,
        retries: CHECK_RETRIES,
        startPeriodMs: START_PERIOD_MS,
      },
      labels: { 'org.opencontainers.image.title': 'sample-shop-db', 'org.opencontainers.image.version': '15' },
    },
    layout,
  );
}

/** Some 80 MB, half of them ICU's data, 30 as a layer. */
async function programsLayer(say: Say): Promise<Layer> {
  const collect = await readFile(join(source, 'shop-db-collect.sh'), 'utf8');
  const key = sha256(JSON.stringify([await sourceKey(join(import.meta.dirname, '../host-image')), collect]));
  const folder = join(cacheFolder(), `shop-db-${digestHex(key).slice(0, 12)}`);
  if (!(await isFolder(folder))) await collectPrograms(folder, { collect, say });
  return cachedLayer({ name: 'postgresql', key, contents: { files: await filesOf(folder) } });
}

/** How it starts, the accounts that it knows, and where its socket goes. */
async function startLayer(): Promise<Layer> {
  const texts = [
    [START, await readFile(join(source, 'shop-db.sh'), 'utf8')],
    ['/etc/passwd', 'root:x:0:0:root:/:/bin/sh\npostgres:x:999:999:postgres:/var/lib/postgresql:/bin/sh\n'],
    ['/etc/group', 'root:x:0:\npostgres:x:999:\n'],
  ] as const;
  return cachedLayer({
    name: 'sample-shop-db',
    key: sha256(JSON.stringify(['shop-db-layout-1', ...texts])),
    contents: {
      files: texts.map(([path, text]) => ({
        path,
        executable: false,
        source: { type: 'bytes', bytes: Buffer.from(text) },
      })),
      folders: [{ path: '/tmp', mode: 0o1777 }],
    },
  });
}

/** By a container that runs once, from which they are copied: an engine elsewhere serves as well. */
async function collectPrograms(
  folder: string,
  { collect, say }: { readonly collect: string; readonly say: Say },
): Promise<void> {
  await ensureEngine(say);
  const image = await ensureHostImage(say);
  say('collecting the programs of PostgreSQL (about 3 s)');
  const name = `refit-shop-db-${process.pid}`;
  const partial = `${folder}.${process.pid}.partial`;
  const options = { deadlineMs: COLLECT_MS };
  await mkdir(cacheFolder(), { recursive: true });
  try {
    await docker(
      ['run', '--name', name, '--network=none', '--entrypoint=sh', image, '-c', collect, 'sh', '/out'],
      options,
    );
    await docker(['cp', `${name}:/out`, partial], options);
    await rename(partial, folder);
  } finally {
    await tryDocker(['rm', '--force', '--volumes', name]);
    await rm(partial, { recursive: true, force: true });
  }
}

async function filesOf(folder: string): Promise<readonly TarFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file) => toTarFile(folder, file)));
}

async function toTarFile(folder: string, file: string): Promise<TarFile> {
  const { size, mode } = await stat(file);
  const path = file.slice(folder.length);
  return { path, executable: (mode & 0o111) !== 0, source: { type: 'file', file, sizeBytes: size, sha256: null } };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

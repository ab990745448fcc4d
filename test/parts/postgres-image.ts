import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { ensureEngine } from '../../lab/engine.ts';
import { ensureHostImage, sourceKey } from '../../lab/host-image.ts';
import { cacheFolder, checkout } from '../../lab/paths.ts';
import type { TestEngine } from './engine.ts';

/** Where the server's own programs are. */
export const POSTGRES_PROGRAMS = '/usr/lib/postgresql/15/bin';

/** A server as its images have it: it makes its database where there is none. */
const SERVER = `set -e
install -d -m 700 -o postgres /data/db
as="setpriv --reuid postgres --regid postgres --clear-groups"
if [ ! -e /data/db/ready ]; then
  $as ${POSTGRES_PROGRAMS}/initdb --no-locale --encoding UTF8 --auth trust -D /data/db
  echo 'host all all all trust' >> /data/db/pg_hba.conf
  touch /data/db/ready
fi
exec $as ${POSTGRES_PROGRAMS}/postgres -D /data/db -c listen_addresses=* -c unix_socket_directories=/tmp`;

/** Configuration of an image of PostgreSQL, over the files of `loadPostgres`. */
export const postgresImage = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: [SERVER],
  StopSignal: 'SIGINT',
  Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
};

/** The image of a lab host has PostgreSQL in it; returns its name on the engine. */
export async function loadPostgres({ access }: Pick<TestEngine, 'access'>): Promise<string> {
  const key = await sourceKey(join(checkout, 'lab', 'host-image'));
  const archive = join(cacheFolder(), `base-${key}.tar`);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  if (!existsSync(archive)) {
    await ensureEngine(say);
    await ensureHostImage(say);
  }
  const docker = new Docker({ socketPath: new URL(access.endpoint).pathname });
  // Loaded when the stream has ended.
  for await (const _ of await docker.loadImage(createReadStream(archive)));
  return `refit-lab-host:${key}`;
}

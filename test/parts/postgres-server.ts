import { docker, tryDocker } from '../../lab/docker.ts';
import { ensureEngine } from '../../lab/engine.ts';
import { ensureHostImage } from '../../lab/host-image.ts';
import { FOLDER_LABEL, LAB_LABEL } from '../../lab/paths.ts';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { PostgresClient } from './postgres-client.ts';
import { postgresImage } from './postgres-image.ts';

/** A PostgreSQL on this machine's engine; it trusts whoever reaches its port of loopback, as user postgres. */
export type PostgresServer = AsyncDisposable & { readonly port: number; readonly close: () => Promise<void> };

/** It makes its database in about a second; ms. */
const READY_MS = 60_000;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** `lab`: the one that takes it down along with itself, should the test not get to it. */
export async function startPostgres(lab: { readonly name: string; readonly folder: string }): Promise<PostgresServer> {
  await ensureEngine(say);
  const image = await ensureHostImage(say);
  const port = await freePort();
  const name = `refit-${lab.name}-postgres-${process.pid}`;
  const close = async (): Promise<void> => {
    await tryDocker(['rm', '--force', '--volumes', name]);
  };
  const labels = ['--label', `${LAB_LABEL}=${lab.name}`, '--label', `${FOLDER_LABEL}=${lab.folder}`];
  // In memory: what it keeps is gone with the test.
  const places = ['--publish', `127.0.0.1:${port}:5432`, '--tmpfs', '/data'];
  try {
    await docker(['run', '--detach', '--name', name, ...labels, ...places, '--entrypoint', '/bin/sh', image, ...start]);
    await eventually(() => isAnswering(port), { withinMs: READY_MS, everyMs: 100 });
  } catch (error) {
    await close();
    throw error;
  }
  return { port, close, [Symbol.asyncDispose]: close };
}

const start = ['-c', ...postgresImage.Cmd];

async function isAnswering(port: number): Promise<boolean> {
  const client = await PostgresClient.open('127.0.0.1', port);
  const [answer] = await client.query('select 1');
  client.close();
  return answer === '1';
}

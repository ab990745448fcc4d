import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { runtimeCommand } from '../../../drivers/oci/runtime-layer.ts';
import type { Manifest } from '../../../lab/sample/shop-unit.ts';
import { ensureShopFiles, shopFiles, type ShopFile } from '../../../lab/shop-files.ts';
import { lab, onHost } from './refit.ts';

/** Bytes of one canary. */
const CANARY_BYTES = 12;

/** Values that must be in no place but the files inside: two lines of the key, name and password of the account. */
export type Canaries = {
  readonly values: readonly string[];
  readonly tlsKey: string;
  /** Files without them are there again: new ones, since a run that was killed leaves its own. */
  remove(): Promise<void>;
};

/** The site's files have canaries in them from now on. */
export async function layCanaries(): Promise<Canaries> {
  const files = shopFiles(lab.paths);
  const values = ['key-one', 'key-two', 'name', 'password'].map(
    (name) => `canary-${name}-${randomBytes(CANARY_BYTES).toString('hex')}`,
  );
  const [first = '', second = '', name = '', password = ''] = values;
  const tlsKey = `-----BEGIN SAMPLE KEY-----\n${first}\n${second}\n-----END SAMPLE KEY-----\n`;
  await writeFile(files['tls-key'], tlsKey);
  await writeFile(files.account, `${JSON.stringify({ name, password })}\n`);
  const remove = async (): Promise<void> => {
    await Promise.all(Object.values(files).map(async (file) => rm(file, { force: true })));
    await ensureShopFiles(lab.paths);
  };
  return { values, tlsKey, remove };
}

/** Does something while one of the site's files is not there. */
export async function withoutFile<Result>(name: ShopFile, work: () => Promise<Result>): Promise<Result> {
  const file = shopFiles(lab.paths)[name];
  await rename(file, `${file}.away`);
  try {
    return await work();
  } finally {
    await rename(`${file}.away`, file);
  }
}

/** In the containers that tell on purpose. */
const TOLD_FILES = { 'tls-key': '/run/refit/told-key.pem', account: '/run/refit/told-account.json' } as const;
/** No container should say what is in its files. These say it as it is, as JSON, and each line of it. */
const TELL = `for (const file of [${Object.values(TOLD_FILES)
  .map((file) => `'${file}'`)
  .join(', ')}]) tell(require('fs').readFileSync(file, 'utf8'));
function tell(text) { console.log('told: ' + text); console.log('told: ' + JSON.stringify([text])); for (const line of text.split('\\n')) console.log('told: ' + line); }`;

/** A test that tells the files that it has, and fails; and an add-on that tells them, and goes on. */
export function tellFiles(unit: Manifest): Manifest {
  const files = Object.entries(TOLD_FILES).map(([file, to]) => ({ file, to }));
  const telling = (part: Manifest, after: string): Manifest => ({
    ...part,
    files,
    entrypoint: [...runtimeCommand, '-e', `${TELL}\n${after}`],
  });
  const { tests, addOns } = unit as { readonly tests: readonly Manifest[]; readonly addOns: readonly Manifest[] };
  const fail = "console.log('FAILED on purpose'); process.exitCode = 3;";
  // A first process without a handler does not end at SIGTERM.
  const goOn = "process.on('SIGTERM', () => process.exit(0)); setInterval(() => undefined, 60_000);";
  return {
    ...unit,
    tests: tests.map((part) => telling(part, fail)),
    addOns: addOns.map((part) => telling(part, goOn)),
  };
}

/** All that `docker inspect` says of every container, network and volume of the lab's hosts. */
export async function inspectAll(): Promise<string> {
  const hosts = (await lab.state())?.hosts ?? [];
  const texts = await Promise.all(hosts.map(async ({ name }) => onHost(name, ['sh', '-c', INSPECT_ALL])));
  return texts.join('\n');
}
const INSPECT_ALL = `set -e
docker inspect $(docker ps --all --quiet) $(docker network ls --quiet)
volumes=$(docker volume ls --quiet); test -z "$volumes" || docker volume inspect $volumes`;

/** A file out of a container, running or not; its image may have no program for it. */
export const fileInside = async (host: string, container: string, path: string): Promise<string> =>
  onHost(host, ['sh', '-c', `docker cp ${container}:${path} - | tar --extract --to-stdout`]);

/** Everything on the bus, with a value of this test's own: a fleet that was never upgraded has none. */
export const busValues = async (): Promise<string> => onHost('host-1', ['sh', '-c', BUS_VALUES]);
const BUS_VALUES = `set -e
export ETCDCTL_API=3
etcdctl put /e2e/look 'read by a test' > /dev/null; etcdctl get --prefix ''; etcdctl del /e2e/look > /dev/null`;

/** Bytes that Temporal has on its disk, queries' answers and heartbeats among them. */
export async function temporalDatabase(): Promise<Buffer> {
  const parts = ['', '-wal'].map(async (end) => readFile(`${lab.paths.temporalDatabase}${end}`));
  return Buffer.concat(await Promise.all(parts));
}

export const workerLog = async (): Promise<string> => readFile(lab.paths.workerLog, 'utf8');

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { runtimeCommand } from '../../drivers/oci/runtime-layer.ts';
import { publishShopImages, type ShopImages } from '../../lab/sample/shop-images.ts';
import { shopUnit } from '../../lab/sample/shop-unit.ts';
import { fillTokens } from '../../model/unit-tokens.ts';
import { eventually } from '../eventually.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { startRegistry, type TestRegistry } from '../parts/registry.ts';

/**
 * Containers of a test's engine don't reach each other where the machine's own engine forwards nothing, so all are in the
 * network of this one.
 */
const HOLDER = 'shipper';
const DATABASE = '127.0.0.1:5432';
const API = '127.0.0.1:8081';
const WEB = '127.0.0.1:8080';

/** Published as an upgrade would find them, and run on an engine of their own, each by hand. */
let engine: TestEngine;
let registry: TestRegistry;
let images: ShopImages;

beforeAll(async () => {
  [engine, registry] = await Promise.all([startEngine(), startRegistry()]);
  const registries = { 'registry.lab:5000': { endpoint: registry.url, credentialsFile: null } };
  images = await publishShopImages({ version: '2.0.0', registries });
  await start(HOLDER, { env: { SLOT: 'green' } });
  await start('db', { volume: 'shop-shared-db:/var/lib/postgresql' });
  await eventually(async () => expect(await health('db')).toBe('healthy'));
  for (const { command } of migrations('expand')) await runHere('db', { args: command });
});
afterAll(() => Promise.all([engine.close(), registry.close()]));

describe('the images of the shop', () => {
  test('the database runs what a migration says, twice as well as once, and there and back', async () => {
    const [, orders] = migrations('expand');

    const isThere = async (): Promise<boolean> =>
      runHere('db', { args: orders?.check ?? [] }).then(
        () => true,
        () => false,
      );

    await runHere('db', { args: orders?.command ?? [] });
    const checked = [await isThere()];
    const there = await query("select column_name from information_schema.columns where table_name = 'orders'");
    await runHere('db', { args: orders?.down ?? [] });
    checked.push(await isThere());
    const back = await query("select column_name from information_schema.columns where table_name = 'orders'");
    await runHere('db', { args: orders?.command ?? [] });

    expect(checked).toEqual([true, false]);
    expect(there.split('\n')).toContain('note');
    expect(back.split('\n')).not.toContain('note');
    await expect(query('select nothing from nowhere')).rejects.toThrow('relation "nowhere" does not exist');
  });

  test('the worker writes orders, and the API counts them', async () => {
    await start('worker', { env: { DATABASE, SLOT: 'green', ORDER_NOTE: "it's green" } });
    await start('api', { env: { DATABASE, SLOT: 'green', PORT: '8081' } });

    await eventually(async () => expect(await health('worker')).toBe('healthy'));
    await eventually(async () => expect(await health('api')).toBe('healthy'));

    const ask = `fetch('http://${API}/').then(async (answer) => console.log(await answer.text()))`;
    const answer: unknown = JSON.parse(await inside('api', [...runtimeCommand, '-e', ask]));
    expect(answer).toMatchObject({ version: '2.0.0', slot: 'green', accounts: expect.any(Number) as number });
    expect(z.object({ rows: z.number() }).parse(answer).rows).toBeGreaterThan(0);
    expect(await query('select distinct slot, version, note from orders')).toBe("green|2.0.0|it's green");
  });

  test('the account of a file is in the database, once however often it is brought there, and nobody says it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'refit-account-'));
    await writeFile(join(folder, 'account.json'), JSON.stringify({ name: "o'hara", password: 'hidden' }));
    const volume = `${folder}:/run/refit:ro`;

    const first = await runHere('account', { env: { DATABASE }, volume });
    const second = await runHere('account', { env: { DATABASE }, volume });

    await rm(folder, { recursive: true });
    expect([first, second]).toEqual(['the account was added', 'the account was there already']);
    expect(await query('select name from accounts')).toBe("o'hara");
    expect(await query('select secret from accounts')).not.toContain('hidden');
  });

  test('the tests of a slot see its pages and its API', async () => {
    await start('web', { env: { SLOT: 'green', API } });
    await eventually(async () => expect(await health('web')).toBe('healthy'));

    expect(await runHere('check', { env: { WEB, API, SLOT: 'green' } })).toContain(
      '5 requests to slot green, 0 failures',
    );
    await expect(runHere('check', { env: { WEB, API, SLOT: 'blue' } })).rejects.toThrow(
      'expected slot blue, got green',
    );
  });

  test('a database that is killed and started again has what was in it, and the API finds it', async () => {
    await query("insert into orders (slot, version, note) values ('blue', '1.0.0', 'kept')");

    await docker(['kill', 'db']);
    await docker(['start', 'db']);

    await eventually(async () => expect(await query("select count(*) from orders where note = 'kept'")).toBe('1'));
    await eventually(async () => expect(await health('api')).toBe('healthy'));
    await docker(['stop', 'db']);
    expect(await docker(['inspect', '--format', '{{.State.ExitCode}}', 'db'])).toBe('0');
  });

  test('the add-on says that it is at work', async () => {
    expect(await docker(['logs', 'shipper'])).toContain('of slot green shipped 1 times');
    await docker(['stop', 'shipper']);
    expect(await docker(['inspect', '--format', '{{.State.ExitCode}}', 'shipper'])).toBe('0');
  });
});

type Run = {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly volume?: string;
};

const docker = async (args: readonly string[]): Promise<string> =>
  (await execa('docker', ['--host', engine.access.endpoint, ...args], { all: true })).all;

/** The engine of the test knows the registry by its address on loopback alone. */
const options = (name: keyof ShopImages, { args = [], env = {}, volume }: Run): readonly string[] => [
  ...Object.entries(env).map(([key, value]) => `--env=${key}=${value}`),
  ...(name === HOLDER ? [] : [`--network=container:${HOLDER}`]),
  ...(volume === undefined ? [] : [`--volume=${volume}`]),
  images[name].replace('registry.lab:5000', registry.address),
  ...args,
];

const start = async (name: keyof ShopImages, run: Run): Promise<string> =>
  docker(['run', '--detach', '--name', name, ...options(name, run)]);

/** Its output; fails with it when the exit code is not 0. */
async function runHere(name: keyof ShopImages, run: Run): Promise<string> {
  await docker(['pull', '--quiet', images[name].replace('registry.lab:5000', registry.address)]);
  return docker(['run', '--rm', ...options(name, run)]);
}

const inside = async (name: string, argv: readonly string[]): Promise<string> => docker(['exec', name, ...argv]);

const health = async (name: string): Promise<string> =>
  docker(['inspect', '--format', '{{.State.Health.Status}}', name]);

const query = async (sql: string): Promise<string> =>
  inside('db', ['psql', '--host=127.0.0.1', '--username=postgres', '--tuples-only', '--no-align', '--command', sql]);

const migrationSchema = z.object({
  migrations: z.array(
    z.object({
      when: z.string(),
      command: z.array(z.string()),
      down: z.array(z.string()).optional(),
      check: z.array(z.string()).optional(),
    }),
  ),
});

/** As the release has them, for this database. */
function migrations(when: string): z.infer<typeof migrationSchema>['migrations'] {
  const [host = '', port = ''] = DATABASE.split(':');
  const here = (command: readonly string[]): string[] =>
    command.map((text) => fillTokens(text, { 'db.host': host, 'db.port': port }));
  return migrationSchema
    .parse(shopUnit({ images }))
    .migrations.filter((migration) => migration.when === when)
    .map((one) => ({ ...one, command: here(one.command), down: here(one.down ?? []), check: here(one.check ?? []) }));
}

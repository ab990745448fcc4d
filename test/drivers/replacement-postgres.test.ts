import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { Engine } from '../../model/engine.ts';
import { eventually } from '../eventually.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { PostgresClient } from '../parts/postgres-client.ts';
import { loadPostgres, POSTGRES_PROGRAMS, postgresImage } from '../parts/postgres-image.ts';
import { get, makeImage, post } from './replacing/images.ts';
import { addNetworks, type TestNetworks } from './replacing/networks.ts';
import { wish } from './replacing/wish.ts';

const PORT = 5432;
const MAC = '02:42:ac:11:65:43';

let started: TestEngine;
let engine: Engine;
let connection: EngineConnection;
let networks: TestNetworks;

beforeAll(async () => {
  started = await startEngine();
  engine = createEngine(started.access, 'host-1');
  connection = new EngineConnection(started.access, 'host-1');
  const base = await loadPostgres(started);
  await makeImage(connection, { base, name: 'postgres:old', config: postgresImage });
  const newer = { ...postgresImage, Env: [...postgresImage.Env, 'RELEASE=new'], Labels: { release: 'new' } };
  await makeImage(connection, { base, name: 'postgres:new', config: newer });
  networks = await addNetworks(connection, ['front', 'back']);
});
afterAll(async () => {
  await started.close();
  await networks.close();
});

/** Writes rows one after another, over as many connections as it takes; remembers those that the server has acknowledged. */
class Writer {
  readonly acknowledged: number[] = [];
  longestGapMs = 0;
  readonly #host: string;
  #last = 0;
  #isEnding = false;

  constructor(host: string) {
    this.#host = host;
  }

  async run(): Promise<void> {
    let row = 0;
    let client: PostgresClient | null = null;
    while (!this.#isEnding) {
      try {
        client ??= await PostgresClient.open(this.#host, PORT);
        row += 1;
        await client.query(`insert into rows values (${row})`);
        this.#note(row);
      } catch {
        // Whether the last row is there, nobody has said: it counts for nothing.
        client?.close();
        client = null;
        await new Promise(setImmediate);
      }
    }
    client?.close();
  }

  end(): void {
    this.#isEnding = true;
  }

  #note(row: number): void {
    const now = performance.now();
    if (this.#last !== 0) this.longestGapMs = Math.max(this.longestGapMs, now - this.#last);
    this.#last = now;
    this.acknowledged.push(row);
  }
}

const kept = z.object({
  Name: z.string(),
  Config: z.object({ Hostname: z.string(), MacAddress: z.string().optional() }),
  HostConfig: z.object({
    Binds: z.array(z.string()),
    NetworkMode: z.string(),
    ShmSize: z.number(),
    Memory: z.number(),
  }),
  Mounts: z.array(z.object({ Type: z.string(), Name: z.string(), Destination: z.string(), RW: z.boolean() })),
  NetworkSettings: z.object({
    Networks: z.record(
      z.string(),
      z.object({
        IPAMConfig: z.unknown(),
        IPAddress: z.string(),
        MacAddress: z.string(),
        Aliases: z.array(z.string()),
      }),
    ),
  }),
});

/** What a user has set, and what others know the container by. The engine adds the beginning of its id to the aliases. */
async function keptOf(name: string): Promise<unknown> {
  const { id } = (await engine.inspectContainer(name)) ?? { id: '' };
  const found = kept.parse(await get(connection, `/containers/${name}/json`));
  const { Networks } = found.NetworkSettings;
  const without = Object.entries(Networks).map(([network, { Aliases, ...rest }]) => [
    network,
    { ...rest, Aliases: Aliases.filter((alias) => !id.startsWith(alias)).sort() },
  ]);
  return { ...found, NetworkSettings: Object.fromEntries(without) as unknown };
}

test('PostgreSQL is upgraded in place while a client writes: no acknowledged row is lost', async () => {
  const address = `${networks.prefix('front')}.77`;
  const endpoint = { IPAMConfig: { IPv4Address: address }, Aliases: ['database'] };
  await post(connection, '/containers/create', {
    query: { name: 'db' },
    body: {
      Image: 'postgres:old',
      Hostname: 'db.example',
      MacAddress: MAC,
      HostConfig: {
        Binds: ['rows:/data'],
        NetworkMode: 'front',
        RestartPolicy: { Name: 'unless-stopped' },
        ShmSize: 128 * 1024 ** 2,
        Memory: 1024 ** 3,
      },
      NetworkingConfig: { EndpointsConfig: { front: endpoint } },
    },
  });
  await networks.connect('back', 'db');
  await engine.startContainer('db');
  await eventually(async () => {
    const client = await PostgresClient.open(address, PORT);
    await client.query('create table if not exists rows (id bigint primary key)');
    client.close();
  });
  const before = await keptOf('db');
  const writer = new Writer(address);
  const writing = writer.run();
  await eventually(() => writer.acknowledged.length > 100);

  const outcome = await engine.replaceContainer(
    wish('db', {
      image: 'postgres:new',
      health: {
        minHealthyTimeMs: 1_000,
        deadlineMs: 60_000,
        probe: { type: 'exec', command: [`${POSTGRES_PROGRAMS}/pg_isready`, '-h', '127.0.0.1'] },
      },
    }),
  );
  const sofar = writer.acknowledged.length;
  await eventually(() => writer.acknowledged.length > sofar + 100);
  writer.end();
  await writing;

  expect(outcome).toMatchObject({ outcome: 'replaced' });
  const client = await PostgresClient.open(address, PORT);
  const there = new Set((await client.query('select id from rows')).map(Number));
  client.close();
  expect(writer.acknowledged.filter((row) => !there.has(row))).toEqual([]);
  expect(await keptOf('db')).toEqual(before);
  expect(before).toMatchObject({
    Config: { MacAddress: MAC },
    NetworkSettings: { front: { IPAddress: address, MacAddress: MAC, Aliases: ['database', 'db.example'] } },
  });
  expect(await engine.inspectContainer('db')).toMatchObject({
    restartPolicy: 'unless-stopped',
    labels: { release: 'new' },
  });
  const awayMs = outcome.outcome === 'replaced' ? outcome.awayMs : null;
  process.stdout.write(
    `PostgreSQL replaced: ${writer.acknowledged.length} rows acknowledged, none lost; container away ${awayMs ?? '?'} ms, ` +
      `longest gap of the client ${Math.round(writer.longestGapMs)} ms\n`,
  );
});

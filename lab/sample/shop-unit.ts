import type { UnitPolicy } from '../../model/unit.ts';
import { SHOP, shopFrontends } from '../shop-frontends.ts';
import type { ShopImages } from './shop-images.ts';

/** A part of a release.yaml. */
export type Manifest = Readonly<Record<string, unknown>>;

/** How the unit is upgraded, as release.yaml has it: durations as texts, and shares. */
export type ShopPolicy = {
  readonly approval?: boolean;
  readonly keep?: string;
  readonly drain?: string;
  readonly confirm?: string;
  readonly soak?: Partial<
    Readonly<Record<'duration' | 'maxErrorRate' | 'window' | 'unhealthy', string>> &
      Pick<UnitPolicy['soak'], 'minRequests'>
  >;
};

export type ShopOptions = {
  readonly images: ShopImages;
  readonly policy?: ShopPolicy;
  /** Variables of a service's or a job's container, laid over its own, by the name of it: `web`, `smoke`, … */
  readonly env?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Members of the pages; hosts have up to two each. */
  readonly webMembers?: number;
  /** The schema of orders that the version is made for; from the second on an order has a note. */
  readonly schema?: 1 | 2;
};

/** Short enough to watch. */
const DEMO_POLICY = {
  ...{ approval: false, keep: '5s', drain: '10s', confirm: '60s' },
  soak: { duration: '5s', maxErrorRate: '5%', minRequests: 20, window: '3s', unhealthy: '3s' },
} as const satisfies ShopPolicy;

/** A slow machine starts a dozen servers in that time. */
const HEALTH = { minHealthyTime: '1s', deadline: '90s' } as const;
const DATABASE = { DATABASE: '{db.address}' } as const;
const WHO = { SLOT: '{slot}', HOST: '{host}' } as const;
/** For its first host alone, as the lab's fleet file labels it. */
const ON_FIRST = { labels: { role: 'first' } } as const;

/** A release.yaml with the unit and nothing for the hosts themselves: YAML reads JSON. */
export const shopManifest = (version: string, unit: Manifest): string =>
  JSON.stringify({ name: 'shop', version, host: { steps: [] }, units: [unit] }, null, 2);

/** One of what stands under `units:` in release.yaml: the whole shop, twice over but for its database. */
export function shopUnit(options: ShopOptions): Manifest {
  const { images, policy = {} } = options;
  return {
    name: SHOP,
    ...DEMO_POLICY,
    ...policy,
    soak: { ...DEMO_POLICY.soak, ...policy.soak },
    services: services(options).map((service) => withEnv(service, options)),
    migrations: migrations(options),
    accountData: {
      image: images.account,
      beside: 'api',
      env: DATABASE,
      files: [{ file: 'account', to: '/run/refit/account.json' }],
      timeout: '30s',
    },
    addOns: [withEnv({ name: 'shipper', image: images.shipper, env: WHO }, options)],
    tests: [withEnv(smoke(images), options)],
  };
}

function services({ images, webMembers = shopFrontends.web.members, schema = 2 }: ShopOptions): readonly Part[] {
  const { web, api } = shopFrontends;
  return [
    database(images.db),
    {
      name: 'api',
      image: images.api,
      ...{ members: api.members, placement: { perHost: 2 } },
      ...{ dependsOn: ['db'], port: api.port, env: { ...WHO, ...DATABASE } },
      health: { ...HEALTH, probe: { type: 'http', path: '/health' } },
    },
    {
      name: 'web',
      image: images.web,
      ...{ members: webMembers, placement: { perHost: 2 } },
      ...{ dependsOn: ['api'], port: web.port },
      env: { ...WHO, API: '{api.addresses}', TLS_KEY: '/run/refit/tls-key.pem' },
      files: [{ file: 'tls-key', to: '/run/refit/tls-key.pem', mode: '0400' }],
      health: { ...HEALTH, probe: { type: 'http', path: '/health' } },
    },
    {
      name: 'worker',
      image: images.worker,
      dependsOn: ['db'],
      env: { ...WHO, ...DATABASE, ...(schema === 1 ? {} : { ORDER_NOTE: 'of {slot}' }) },
      health: HEALTH,
    },
  ];
}

const database = (image: string): Part => ({
  name: 'db',
  image,
  ...{ shared: true, placement: ON_FIRST },
  port: { inside: 5432, host: DATABASE_PORT },
  volumes: [`${SHOP}-shared-db:/var/lib/postgresql`],
  health: { ...HEALTH, probe: { type: 'tcp' } },
});
/** On its host, where nothing else listens. */
const DATABASE_PORT = 5432;

/** The tables; what the second schema adds, which the first lives with; and what it takes for granted when that is gone. */
function migrations({ images, schema = 2 }: ShopOptions): readonly Part[] {
  const sql = (
    name: string,
    when: 'expand' | 'contract',
    texts: Partial<Record<'up' | 'down' | 'check', string>>,
  ): Part => ({
    ...{ name, when, image: images.db, beside: 'db', timeout: '30s' },
    command: psql(texts.up ?? ''),
    ...(texts.check === undefined ? {} : { check: psql(texts.check) }),
    ...(texts.down === undefined ? {} : { down: psql(texts.down) }),
  });
  const tables = { ...sql('tables', 'expand', { up: TABLES }), compatible: true };
  if (schema === 1) return [tables];
  return [
    tables,
    sql('orders-v2', 'expand', {
      check: HAS_NOTE,
      up: 'alter table orders add column if not exists note text',
      down: 'alter table orders drop column if exists note',
    }),
    sql('orders-v2-notes', 'contract', { up: NOTES }),
  ];
}

const TABLES =
  'create table if not exists orders (id bigserial primary key, at timestamptz not null default now(), slot text not null, version text not null); ' +
  'create table if not exists accounts (name text primary key, secret text not null)';
/** A later release finds it there, and must not take it back; without it this is a division by zero. */
const HAS_NOTE =
  "select 1 / count(*) from information_schema.columns where table_name = 'orders' and column_name = 'note'";
const NOTES = "update orders set note = '' where note is null; alter table orders alter column note set not null";

/** Ends with an error at the first statement that has one. */
const psql = (sql: string): readonly string[] => [
  ...['psql', '--host={db.host}', '--port={db.port}', '--username=postgres'],
  ...['--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', `--command=${sql}`],
];

const smoke = (images: ShopImages): Part => ({
  name: 'smoke',
  image: images.check,
  beside: 'web',
  env: { SLOT: '{slot}', VERSION: '{version}', WEB: '{web.addresses}', API: '{api.addresses}' },
  timeout: '60s',
});

type Part = Manifest & { readonly name: string; readonly env?: Readonly<Record<string, string>> };

const withEnv = (part: Part, { env = {} }: ShopOptions): Part => ({ ...part, env: { ...part.env, ...env[part.name] } });

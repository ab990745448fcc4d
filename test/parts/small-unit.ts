import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildAgent } from '../../agent/build.ts';
import { buildImage } from '../../drivers/oci/image.ts';
import { createLayer, type Layer } from '../../drivers/oci/layer.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { buildRelease, type AgentBundle } from '../../drivers/release/build.ts';
import type { UnitId } from '../../model/ids.ts';
import type { ReleaseRef } from '../../model/release.ts';
import type { Slot } from '../../model/unit.ts';
import { findPart } from './programs.ts';

/**
 * A unit of a few shell scripts, so that a dozen of them run beside each other: a ledger that both slots share and that counts
 * what jobs do, web members that take requests, a worker that takes none, and an add-on.
 */
export type SmallUnit = {
  readonly unit: UnitId;
  readonly version: string;
  /** Of the first member of each; a web's second has the next one. */
  readonly ports: Readonly<Record<Slot | 'ledger', number>>;
  readonly webMembers: number;
  /** Whether it has migrations, account data and a test. */
  readonly hasJobs: boolean;
};

export type Workshop = {
  readonly publish: (unit: SmallUnit) => Promise<ReleaseRef>;
};

/** Builds what units are made of in the folder, and publishes it in the registry at `address`. */
export async function openWorkshop(folder: string, address: string): Promise<Workshop> {
  const [layer, agent] = await Promise.all([busyboxLayer(join(folder, 'layers')), buildAgent()]);
  let last: Promise<unknown> = Promise.resolve();
  return {
    // One after another: two that bring the registry the same layer at the same moment may be told that it does not have it.
    publish: (unit) => {
      const published = last.then(() => publish({ folder, address, layer, agent }, unit));
      last = published.catch(() => undefined);
      return published;
    },
  };
}

/** What the web of a slot answers. */
export const answerOf = (slot: Slot | '$SLOT'): string => `slot=${slot}`;

async function busyboxLayer(folder: string): Promise<Layer> {
  const file = await findPart('busybox');
  const source = { type: 'file', file, sizeBytes: (await stat(file)).size, sha256: null } as const;
  const files = ['busybox', 'sh'].map((name) => ({ path: `/bin/${name}`, executable: true, source }));
  return createLayer('busybox', { files, folders: [{ path: '/data', mode: 0o755 }] }, folder);
}

type Shop = {
  readonly folder: string;
  readonly address: string;
  readonly layer: Layer;
  readonly agent: AgentBundle;
};

/** All in two repositories, so that the large layers are sent once. */
async function publish({ folder, address, layer, agent }: Shop, unit: SmallUnit): Promise<ReleaseRef> {
  const name = `${unit.unit}-${unit.version}`;
  const registry = createRegistry({});
  const push = { version: unit.version };
  // Each has images of its own: what another unit has brought to a host need not be pulled. The ledger's is of all versions.
  const image = async (tag: string): Promise<string> => {
    const contents = { layers: [layer], entrypoint: ['/bin/sh', '-c'], labels: { name: tag } };
    const { layout } = await buildImage(contents, join(folder, `${tag}-image`));
    return (await registry.push({ ...push, layout, reference: `${address}/member:${tag}` })).reference;
  };
  const images = { ledger: await image(`${unit.unit}-ledger`), member: await image(`${name}-member`) };
  const source = join(folder, name);
  await mkdir(source);
  await writeFile(join(source, 'release.yaml'), JSON.stringify(manifest(unit, images)));
  const release = await buildRelease({
    ...{ folder: source, output: join(folder, `${name}-release`) },
    agent: () => Promise.resolve(agent),
  });
  const reference = `${address}/release:${name}`;
  const pushed = await registry.push({ ...push, layout: release.layout, reference });
  return (await registry.readRelease(pushed.reference)).ref;
}

type Part = Readonly<Record<string, unknown>>;

type Images = { readonly ledger: string; readonly member: string };

const manifest = (unit: SmallUnit, { ledger, member: image }: Images): Part => ({
  ...{ name: 'small', version: unit.version, host: { steps: [] } },
  units: [
    {
      name: unit.unit,
      services: [{ ...ledgerOf(unit), image: ledger }, ...services(unit).map((service) => ({ ...service, image }))],
      ...(unit.hasJobs ? jobs(image) : {}),
      addOns: [{ name: 'shipper', image, command: [STANDS_BY] }],
    },
  ],
});

const HEALTH = { minHealthyTime: '300ms', deadline: '90s' } as const;
const WELL = { ...HEALTH, probe: { type: 'http', path: '/health' } } as const;

const ledgerOf = ({ unit, ports }: SmallUnit): Part => ({
  ...{ name: 'ledger', shared: true, placement: { labels: { role: 'first' } } },
  ...{ port: { inside: 80, host: ports.ledger }, volumes: [`${unit}-shared-ledger:/data`] },
  ...{ command: [LEDGER], health: WELL },
});

const services = ({ unit, ports, webMembers }: SmallUnit): readonly Part[] => [
  {
    ...{ name: 'web', members: webMembers, dependsOn: ['ledger'] },
    ...{ port: { inside: 80, blue: ports.blue, green: ports.green }, volumes: [`${unit}-{slot}-data:/data`] },
    ...{ env: { SLOT: '{slot}', HOST: '{ledger.host}', PORT: '{ledger.port}' } },
    ...{ files: [{ file: 'key', to: '/run/refit/key' }], command: [WEB], health: WELL },
  },
  {
    ...{ name: 'worker', dependsOn: ['ledger'], placement: { labels: { role: 'second' } } },
    ...{ command: [STANDS_BY], health: HEALTH },
  },
];

/** Each says in the ledger what it did, and is at work for a while after that, so that a kill finds it so. */
const jobs = (image: string): Part => {
  const env = { HOST: '{ledger.host}', PORT: '{ledger.port}' };
  const note = (what: string): readonly string[] => [
    lines(PROGRAMS, `${ask(`note?${what}`)} | grep -q noted`, 'sleep 1'),
  ];
  const job = (name: string, beside: string): Part => ({
    ...{ image, env, beside, timeout: '60s', command: note(`${name}-up`) },
  });
  const check = [lines(PROGRAMS, `${ask('notes')} | grep ^orders- | tail -n 1 | grep -q up`)];
  return {
    migrations: [
      { name: 'orders', when: 'expand', ...job('orders', 'ledger'), check, down: note('orders-down') },
      { name: 'tidy', when: 'contract', ...job('tidy', 'ledger') },
    ],
    accountData: job('account', 'web'),
    tests: [{ name: 'smoke', ...job('smoke', 'worker') }],
  };
};

const lines = (...all: readonly string[]): string => all.join('\n');

/** The image has a shell, and what else there is in its one program. */
const PROGRAMS = lines('set -e', '/bin/busybox --install -s /bin');
const HEAD = String.raw`printf "Content-Type: text/plain\r\n\r\n"`;
const BROKEN = String.raw`printf "Status: 502 Bad Gateway\r\n"`;

/** Of the ledger; its own client of this protocol looks for a file that the image does not have. */
const ask = (what: string): string =>
  String.raw`printf "GET /cgi-bin/${what} HTTP/1.0\r\n\r\n" | nc -w 10 "$HOST" "$PORT"`;

/** A script of the server's: the shell fills in nothing of it before it runs. */
const script = (name: string, ...all: readonly string[]): string =>
  lines(`cat >/www/cgi-bin/${name} <<'END'`, '#!/bin/sh', ...all, 'END', `chmod 755 /www/cgi-bin/${name}`);

/** A shell as first process ends at SIGTERM only if it is told so. */
const UNTIL_TERM = 'trap "exit 0" TERM';
const STANDS_BY = lines(PROGRAMS, UNTIL_TERM, 'while true; do sleep 60 & wait; done');

const server = (...all: readonly string[]): string =>
  lines(
    ...[PROGRAMS, 'mkdir -p /www/cgi-bin', 'echo well >/www/health', ...all],
    ...[UNTIL_TERM, 'httpd -f -p 80 -h /www & wait'],
  );

const LEDGER = server(
  'touch /data/notes',
  script('note', 'echo "$QUERY_STRING" >>/data/notes', HEAD, 'echo noted'),
  script('notes', HEAD, 'cat /data/notes'),
);

/** `/cgi-bin/slow` takes its time, `/cgi-bin/through` needs the ledger. */
const WEB = server(
  '[ -s /run/refit/key ]',
  `echo "${answerOf('$SLOT')}" >/www/index.html`,
  script('slow', 'sleep 0.3', HEAD, `echo "${answerOf('$SLOT')}"`),
  script('through', `${ask('notes')} | grep -q "200 OK" || ${BROKEN}`, HEAD, `echo "${answerOf('$SLOT')}"`),
);

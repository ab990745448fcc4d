import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Fleet, FleetHost, FleetTemporal, TlsFiles } from '../model/fleet.ts';
import { parseFleetId, parseHostId } from '../model/ids.ts';
import { httpUrl, name, repeated, text } from './fleet-fields.ts';
import { LoadBalancers, Services, serviceProblems } from './fleet-services.ts';
import { toUnits, unitProblems, Units } from './fleet-units.ts';
import { DocumentProblems, parseYaml, schemaProblems, type Problem } from './yaml-document.ts';

/** A fleet file that is missing or wrong, with all its faults. */
export class FleetFileProblems extends DocumentProblems {
  override readonly name = 'FleetFileProblems';
}

/** Reads a fleet file. Its paths are relative to its folder, and absolute in what comes back. */
export function loadFleet(file: string): Fleet {
  const document = parseYaml(readText(file));
  if (document.faults.length > 0) throw new FleetFileProblems(file, document.faults);
  const parsed = FleetFile.safeParse(document.value);
  const problems = [
    ...(parsed.success ? [] : schemaProblems(parsed.error.issues, document.value)),
    ...repeatedHosts(document.value),
    ...serviceProblems(document.value),
    ...unitProblems(document.value),
  ];
  if (!parsed.success || problems.length > 0) throw new FleetFileProblems(file, problems.map(document.describe));
  return toFleet(parsed.data, dirname(resolve(file)));
}

/** The fleet file that a command means; throws when there is none, saying how to get one. */
export function findFleetFile(env: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): string {
  const found = nearestFleetFile(env, folder);
  if (found !== null) return found;
  const todo = 'name one with REFIT_FLEET, or bring up a lab with: refit lab up';
  throw new FleetFileProblems(DEFAULT_FILE, [`1:1: expected this file in ${resolve(folder)} or above it; ${todo}`]);
}

/** REFIT_FLEET, else `.refit/fleet.yaml` in the working folder or the nearest one above; null without either. */
export function nearestFleetFile(env: NodeJS.ProcessEnv = process.env, folder: string = process.cwd()): string | null {
  const named = env['REFIT_FLEET'] ?? '';
  if (named !== '') return resolve(folder, named);
  for (let current = resolve(folder); ; current = dirname(current)) {
    const file = join(current, DEFAULT_FILE);
    if (existsSync(file)) return file;
    if (current === dirname(current)) return null;
  }
}

const DEFAULT_FILE = join('.refit', 'fleet.yaml');

const tls = { caFile: z.string().optional(), certFile: z.string().optional(), keyFile: z.string().optional() };

/** One of the three files alone would be a connection that is taken for safe. */
const isWhole = (files: TlsPart): boolean =>
  [files.caFile, files.certFile, files.keyFile].every((file) => (file === undefined) === (files.caFile === undefined));
const WHOLE = { error: 'expected caFile, certFile and keyFile together' };
type TlsPart = {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
};

const Host = z.strictObject({
  name: name('host').transform(parseHostId),
  engine: z
    .strictObject({
      endpoint: text(
        'a Docker Engine such as unix:///run/docker.sock, tcp://host:2376 or ssh://user@host',
        /^(unix:\/\/\/\S+|tcp:\/\/[^\s/:]+:\d+|tcp:\/\/\[[0-9a-f:]+\]:\d+|ssh:\/\/\S+)$/,
      ),
      ...tls,
    })
    .refine(isWhole, WHOLE),
  address: text(
    "the host's name or address as others reach it, without a port; one of IPv6 in brackets",
    /^([A-Za-z0-9._-]+|\[[0-9a-f:]+\])$/,
  ).optional(),
  labels: z.record(z.string(), z.string()).default({}),
  carries: z
    .strictObject({
      etcd: httpUrl('the etcd member on this host such as http://host-1:2379').optional(),
      upgrader: z.boolean().default(false),
      temporal: z.boolean().default(false),
    })
    .default({ upgrader: false, temporal: false }),
});

const Endpoints = z.array(httpUrl('an etcd endpoint such as http://host-1:2379')).min(1);

const FleetFile = z.strictObject({
  fleet: name('fleet').transform(parseFleetId),
  hosts: z.array(Host).min(1),
  etcd: z
    .strictObject({
      endpoints: Endpoints,
      hostEndpoints: Endpoints.optional(),
      ...tls,
      hostTls: z.strictObject({ caFile: z.string(), certFile: z.string(), keyFile: z.string() }).optional(),
    })
    .refine(isWhole, WHOLE),
  registries: z
    .record(
      z.string(),
      z.strictObject({
        endpoint: httpUrl("a registry's address such as https://registry.example:5000"),
        credentialsFile: z.string().optional(),
      }),
    )
    .default({}),
  loadBalancers: LoadBalancers,
  services: Services,
  units: Units,
  temporal: z
    .strictObject({
      address: text('an address such as 127.0.0.1:7233', /^\S+:\d+$/),
      namespace: z.string().default('default'),
      ui: httpUrl('an address such as http://127.0.0.1:8233').optional(),
      ...tls,
      serverName: text('the name in the certificate of the server', /^[A-Za-z0-9.-]+$/).optional(),
      apiKeyFile: z.string().optional(),
    })
    .refine(isWhole, WHOLE)
    // A name alone would be a connection that is taken for safe as well.
    .refine(({ serverName, caFile }) => serverName === undefined || caFile !== undefined, WHOLE)
    .optional(),
});

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new FleetFileProblems(file, [`1:1: expected a fleet file, got ${code}; bring up a lab with: refit lab up`]);
  }
}

/** A host that stands twice would be counted twice, and one engine under two names would be two hosts. */
const repeatedHosts = (value: unknown): readonly Problem[] => [
  ...repeated(value, 'hosts', ['name']),
  ...repeated(value, 'hosts', ['engine', 'endpoint']),
];

function toFleet(file: z.output<typeof FleetFile>, folder: string): Fleet {
  const { etcd, temporal } = file;
  return {
    fleet: file.fleet,
    hosts: file.hosts.map(({ name: host, engine, address, labels, carries }): FleetHost => ({
      name: host,
      engine: { endpoint: engine.endpoint, tls: tlsFiles(engine, folder) },
      address: address ?? addressOf(engine.endpoint),
      labels,
      carries: { ...carries, etcd: carries.etcd ?? null },
    })),
    etcd: {
      endpoints: etcd.endpoints,
      hostEndpoints: etcd.hostEndpoints ?? etcd.endpoints,
      tls: tlsFiles(etcd, folder),
      // Paths on the hosts are none on this machine.
      hostTls: etcd.hostTls ?? null,
    },
    registries: Object.fromEntries(
      Object.entries(file.registries).map(([registry, { endpoint, credentialsFile }]) => [
        registry,
        { endpoint, credentialsFile: credentialsFile === undefined ? null : resolve(folder, credentialsFile) },
      ]),
    ),
    loadBalancers: file.loadBalancers,
    services: file.services,
    units: toUnits(file.units, { loadBalancers: file.loadBalancers, folder }),
    temporal: temporal === undefined ? null : toTemporal(temporal, folder),
  };
}

function toTemporal(temporal: NonNullable<z.output<typeof FleetFile>['temporal']>, folder: string): FleetTemporal {
  const { address, namespace, ui = null, serverName = null, apiKeyFile } = temporal;
  const files = tlsFiles(temporal, folder);
  return {
    ...{ address, namespace, ui },
    tls: files === null ? null : { ...files, serverName },
    apiKeyFile: apiKeyFile === undefined ? null : resolve(folder, apiKeyFile),
  };
}

/** As it stands in the endpoint, with IPv6's brackets, so that a port may follow. */
const addressOf = (endpoint: string): string | null => /^tcp:\/\/(.+):\d+$/.exec(endpoint)?.[1] ?? null;

function tlsFiles({ caFile, certFile, keyFile }: TlsPart, folder: string): TlsFiles | null {
  if (caFile === undefined || certFile === undefined || keyFile === undefined) return null;
  return { caFile: resolve(folder, caFile), certFile: resolve(folder, certFile), keyFile: resolve(folder, keyFile) };
}

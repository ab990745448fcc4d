import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { etcdMembers, type Member } from './etcd.ts';
import { etcdIdentities, HOST_IDENTITY_FOLDER } from './etcd-identities.ts';
import { BALANCER_NAME, mapsFolder, runtimeEndpoint } from './haproxy.ts';
import { INSIDE, MAPS_FOLDER, SHOP_MAP, WEB } from './haproxy-config.ts';
import { gatewayAddress } from './network.ts';
import type { LabPaths } from './paths.ts';
import { REGISTRY_NAME, registryEndpoint } from './registry.ts';
import { ensureShopFiles, shopFiles } from './shop-files.ts';
import { SHOP, shopBackend, shopFrontends, shopServer } from './shop-frontends.ts';
import { upgraderHosts, type LabHost, type LabState } from './state.ts';
import { temporalAddress, temporalUi } from './temporal.ts';

/** Of a host's engine, in the lab's network. */
const HOST_ENGINE_PORT = 2376;

/** Writes the fleet file of the lab, and what it names. Returns whether it changed: then a running worker has an old one. */
export async function writeFleetFile(paths: LabPaths, state: LabState): Promise<boolean> {
  await ensureShopFiles(paths);
  const text = fleetFile(state, fromMachine(state, relative(dirname(paths.fleetFile), paths.folder)));
  const old = await readFile(paths.fleetFile, 'utf8').catch(() => '');
  if (old === text) return false;
  await writeFile(paths.fleetFile, text);
  return old !== '';
}

/** How everything of the fleet is reached from one place. */
export type View = {
  /** Of a file of the lab's certificates. */
  readonly tls: (name: string) => string;
  readonly engine: (host: LabHost) => string;
  readonly etcd: (member: Member) => string;
  readonly registry: string;
  readonly balancer: string | null;
  readonly temporal: string;
  /** The lab's folder, of which units have files; null: it is not there, and units are not either. */
  readonly folder: string | null;
};

/** As worker and command line on the machine: everything on loopback. `folder`: the lab's; paths are relative to the file. */
export const fromMachine = (state: LabState, folder: string): View => ({
  tls: (name) => join(folder, 'tls', name),
  engine: ({ ports }) => `tcp://127.0.0.1:${ports.engine}`,
  etcd: ({ port }) => `${etcdScheme(state)}://127.0.0.1:${port}`,
  registry: registryEndpoint(state.registry.port),
  balancer: state.balancer === null ? null : runtimeEndpoint(state.balancer),
  temporal: temporalAddress(state),
  folder,
});

/** As the upgrader's containers on hosts: by names and addresses of the lab's network. */
export const fromHosts = (state: LabState): View => ({
  tls: (name) => join('tls', name),
  engine: ({ name }) => `tcp://${name}:${HOST_ENGINE_PORT}`,
  etcd: ({ host }) => hostEtcd(state, host),
  registry: `http://${REGISTRY_NAME}`,
  balancer: state.balancer === null ? null : `tcp://${state.balancer.address}:${INSIDE.runtime}`,
  temporal: `${gatewayAddress(state.subnet)}:${state.temporal.port}`,
  folder: null,
});

const etcdScheme = ({ secure }: LabState): string => (secure ? 'https' : 'http');
const hostEtcd = (state: LabState, { name }: LabHost): string => `${etcdScheme(state)}://${name}:2379`;

/** The fleet, from where it is looked at; what units publish on the hosts is reached in the lab's network from everywhere. */
export function fleetFile(state: LabState, view: View): string {
  const { tls } = view;
  const files = `caFile: ${tls('ca.pem')}, certFile: ${tls('client.pem')}, keyFile: ${tls('client-key.pem')}`;
  const hosts = state.hosts.map((host, index) => [
    `  - name: ${host.name}`,
    `    address: ${host.address}`,
    `    engine: { endpoint: "${view.engine(host)}", ${files} }`,
    `    labels: { role: ${index === 0 ? 'first' : 'other'} }`,
    ...carried(state, host),
  ]);
  const members = etcdMembers(state);
  const list = (urls: readonly string[]): string => urls.map((url) => JSON.stringify(url)).join(', ');
  return [
    '# Written by `refit lab up`, removed by `refit lab down`.',
    `fleet: ${state.lab}`,
    'hosts:',
    ...hosts.flat(),
    'etcd:',
    `  endpoints: [${list(members.map(view.etcd))}]`,
    `  hostEndpoints: [${list(members.map(({ host }) => hostEtcd(state, host)))}]`,
    ...(state.secure ? etcdTls(view) : []),
    'registries:',
    `  ${REGISTRY_NAME}: { endpoint: "${view.registry}" }`,
    ...(view.balancer === null ? [] : balancerLines(view.balancer)),
    ...(state.balancer === null || view.folder === null ? [] : unitLines(view.folder)),
    `temporal: { address: "${view.temporal}", namespace: default, ui: "${temporalUi(state)}" }`,
    '',
  ].join('\n');
}

function etcdTls({ tls }: View): readonly string[] {
  const { fleet } = etcdIdentities;
  const host = (name: string): string => `${HOST_IDENTITY_FOLDER}/${name}.pem`;
  return [
    `  caFile: ${tls('ca.pem')}`,
    `  certFile: ${tls(`${fleet}.pem`)}`,
    `  keyFile: ${tls(`${fleet}-key.pem`)}`,
    `  hostTls: { caFile: ${host('ca')}, certFile: ${host('host')}, keyFile: ${host('host-key')} }`,
  ];
}

/** Said only of a lab whose hosts carry the upgrader: they go last, and never with another member of etcd. */
function carried(state: LabState, host: LabHost): readonly string[] {
  if (state.upgrader === null) return [];
  const etcd = host.ports.etcd === null ? '' : `etcd: "${hostEtcd(state, host)}", `;
  const isUpgrader = upgraderHosts(state).includes(host);
  return [`    carries: { ${etcd}upgrader: ${isUpgrader} }`];
}

function balancerLines(endpoint: string): readonly string[] {
  const server = '"{host}-{container}"';
  return [
    'loadBalancers:',
    `  - { name: ${BALANCER_NAME}, type: haproxy, endpoint: "${endpoint}" }`,
    'services:',
    `  - { name: ${WEB}, balancer: { loadBalancer: ${BALANCER_NAME}, backend: ${WEB}, server: ${server} } }`,
  ];
}

function unitLines(folder: string): readonly string[] {
  const frontends = Object.values(shopFrontends).map((frontend) => {
    const names = `backend: "${shopBackend(frontend, '{slot}')}", server: "${shopServer('{host}', '{container}')}"`;
    return `        - { service: ${frontend.service}, ${names} }`;
  });
  const files = Object.entries(shopFiles({ folder })).map(([name, file]) => `${name}: ${file}`);
  return [
    'units:',
    `  - name: ${SHOP}`,
    '    balancer:',
    `      loadBalancer: ${BALANCER_NAME}`,
    `      map: ${MAPS_FOLDER}/${SHOP_MAP}`,
    `      mapFile: ${join(mapsFolder({ folder }), SHOP_MAP)}`,
    '      frontends:',
    ...frontends,
    `    files: { ${files.join(', ')} }`,
  ];
}

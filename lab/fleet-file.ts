import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { etcdMembers } from './etcd.ts';
import { BALANCER_NAME, mapsFolder, runtimeEndpoint } from './haproxy.ts';
import { MAPS_FOLDER, SHOP_MAP, WEB } from './haproxy-config.ts';
import type { LabPaths } from './paths.ts';
import { REGISTRY_NAME, registryEndpoint } from './registry.ts';
import { ensureShopFiles, shopFiles } from './shop-files.ts';
import { SHOP, shopBackend, shopFrontends, shopServer } from './shop-frontends.ts';
import type { LabState } from './state.ts';
import { temporalAddress, temporalUi } from './temporal.ts';

/** Writes the fleet file of the lab, and what it names. Returns whether it changed: then a running worker has an old one. */
export async function writeFleetFile(paths: LabPaths, state: LabState): Promise<boolean> {
  await ensureShopFiles(paths);
  const text = fleetFile(state, relative(dirname(paths.fleetFile), paths.folder));
  const old = await readFile(paths.fleetFile, 'utf8').catch(() => '');
  if (old === text) return false;
  await writeFile(paths.fleetFile, text);
  return old !== '';
}

/**
 * The fleet as worker and command line reach it: everything on loopback, but what units publish on the hosts, which the
 * lab's network has. `folder`: the lab's; paths are relative to the file.
 */
export function fleetFile(state: LabState, folder: string): string {
  const tls = (name: string): string => join(folder, 'tls', name);
  const files = `caFile: ${tls('ca.pem')}, certFile: ${tls('client.pem')}, keyFile: ${tls('client-key.pem')}`;
  const hosts = state.hosts.map(({ name, address, ports }, index) => [
    `  - name: ${name}`,
    `    address: ${address}`,
    `    engine: { endpoint: "tcp://127.0.0.1:${ports.engine}", ${files} }`,
    `    labels: { role: ${index === 0 ? 'first' : 'other'} }`,
  ]);
  const members = etcdMembers(state);
  const list = (urls: readonly string[]): string => urls.map((url) => JSON.stringify(url)).join(', ');
  return [
    '# Written by `refit lab up`, removed by `refit lab down`.',
    `fleet: ${state.lab}`,
    'hosts:',
    ...hosts.flat(),
    'etcd:',
    `  endpoints: [${list(members.map(({ port }) => `http://127.0.0.1:${port}`))}]`,
    `  hostEndpoints: [${list(members.map(({ host }) => `http://${host.name}:2379`))}]`,
    'registries:',
    `  ${REGISTRY_NAME}: { endpoint: "${registryEndpoint(state.registry.port)}" }`,
    ...balancerLines(state),
    ...(state.balancer === null ? [] : unitLines(folder)),
    `temporal: { address: "${temporalAddress(state)}", namespace: default, ui: "${temporalUi(state)}" }`,
    '',
  ].join('\n');
}

function balancerLines({ balancer }: LabState): readonly string[] {
  if (balancer === null) return [];
  const server = '"{host}-{container}"';
  return [
    'loadBalancers:',
    `  - { name: ${BALANCER_NAME}, type: haproxy, endpoint: "${runtimeEndpoint(balancer)}" }`,
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

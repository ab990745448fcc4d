import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import { etcdMembers } from './etcd.ts';
import { BALANCER_NAME, runtimeEndpoint } from './haproxy.ts';
import { WEB } from './haproxy-config.ts';
import type { LabPaths } from './paths.ts';
import { REGISTRY_NAME, registryEndpoint } from './registry.ts';
import type { LabState } from './state.ts';
import { temporalAddress, temporalUi } from './temporal.ts';

/** Writes the fleet file of the lab. Returns whether it changed: then a running worker has an old one. */
export async function writeFleetFile(paths: LabPaths, state: LabState): Promise<boolean> {
  const text = fleetFile(state, relative(dirname(paths.fleetFile), paths.tlsFolder));
  const old = await readFile(paths.fleetFile, 'utf8').catch(() => '');
  if (old === text) return false;
  await writeFile(paths.fleetFile, text);
  return old !== '';
}

/** The fleet as worker and command line reach it: everything on loopback. Paths are relative to the file. */
export function fleetFile(state: LabState, tls: string): string {
  const files = `caFile: ${tls}/ca.pem, certFile: ${tls}/client.pem, keyFile: ${tls}/client-key.pem`;
  const hosts = state.hosts.map(({ name, ports }, index) => [
    `  - name: ${name}`,
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

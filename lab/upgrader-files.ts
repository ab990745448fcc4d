import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureFirstToken } from '../client/api/first-token.ts';
import { UPGRADER_FOLDER } from '../model/upgrader.ts';
import { apiFiles } from './api.ts';
import { docker } from './docker.ts';
import { etcdIdentities } from './etcd-identities.ts';
import { fleetFile, fromHosts } from './fleet-file.ts';
import { containerName, type LabPaths } from './paths.ts';
import type { LabHost, LabState } from './state.ts';

/** Where a host's own API listens; hosts have addresses of their own, so that it is everywhere the port that people know. */
export const HOST_API_PORT = 7280;

/** Lays `/etc/refit` on a host that carries the upgrader: the fleet as hosts reach it, certificates, and its API's configuration. */
export async function layUpgraderFiles(paths: LabPaths, state: LabState, host: LabHost): Promise<void> {
  const root = join(paths.folder, 'upgrader', host.name);
  const folder = join(root, UPGRADER_FOLDER);
  await rm(root, { recursive: true, force: true });
  await mkdir(join(folder, 'tls'), { recursive: true });
  await writeFile(join(folder, 'fleet.yaml'), fleetFile(state, fromHosts(state)));
  await writeFile(join(folder, 'api.yaml'), apiConfig(host));
  for (const [name, source] of certificates(state, host)) {
    await copyFile(join(paths.tlsFolder, source), join(folder, 'tls', name));
  }
  await copyFile(await firstTokens(paths), join(folder, 'tokens.json'));
  await openFolders(root, folder);
  await docker(['cp', `${root}/.`, `${containerName(state.lab, host.name)}:/`]);
}

const certificates = ({ secure }: LabState, { name }: LabHost): readonly (readonly [string, string])[] => [
  ['ca.pem', 'ca.pem'],
  ['client.pem', 'client.pem'],
  ['client-key.pem', 'client-key.pem'],
  ['server.pem', `${name}.pem`],
  ['server-key.pem', `${name}-key.pem`],
  ...(secure ? [etcdIdentities.fleet, `${etcdIdentities.fleet}-key`] : []).map(
    (file) => [`${file}.pem`, `${file}.pem`] as const,
  ),
];

/** Names what is mounted into the containers; tokens and audit log are where every upgrader's are. */
const apiConfig = ({ address }: LabHost): string =>
  [
    '# Written by `refit lab up`.',
    `listen: ${address}:${HOST_API_PORT}`,
    'fleets: [fleet.yaml]',
    'tls: { certFile: tls/server.pem, keyFile: tls/server-key.pem }',
    '',
  ].join('\n');

/** The same first admin on each of the lab's APIs. */
async function firstTokens(paths: LabPaths): Promise<string> {
  const { config, token } = apiFiles(paths);
  const tokensFile = join(dirname(config), 'tokens.json');
  await ensureFirstToken({ tokensFile, tokenFile: token });
  return tokensFile;
}

/** A strict umask would give the host's own folders its modes. */
async function openFolders(root: string, folder: string): Promise<void> {
  for (const each of [root, dirname(folder), folder, join(folder, 'tls')]) await chmod(each, 0o755);
}

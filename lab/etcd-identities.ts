import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fleetUser, hostUser, ROOT } from '../model/bus-rights.ts';
import type { TlsFiles } from '../model/fleet.ts';
import { parseFleetId, parseHostId } from '../model/ids.ts';
import { ensureClientCertificate, ensurePeerCertificate } from './certificates.ts';
import type { ClientIdentity } from './http.ts';
import type { LabPaths } from './paths.ts';
import type { LabHost, LabState } from './state.ts';

/** Where a host has what its agent shows etcd. */
export const HOST_IDENTITY_FOLDER = '/etc/ssl/bus';

/** Where a member of etcd has its certificates. */
export const MEMBER_FOLDER = '/etc/etcd/tls';

/** The one name that members show each other: a host's certificate is of the same authority, and must not make it a member. */
export const PEER = 'etcd-peer';

/** Names of the files, beside the lab's other certificates. */
export const etcdIdentities = { root: 'etcd-root', fleet: 'etcd-fleet' } as const;
const hostIdentityName = (host: LabHost): string => `etcd-${host.name}`;
const peerName = (host: LabHost): string => `${PEER}-${host.name}`;

/** Debian's etcd runs as a user of its own, which the machine's files do not know. */
const OWN_FILES = `[Service]\nExecStartPre=+/bin/chown -R etcd ${MEMBER_FOLDER}\n`;

type Laid = { readonly paths: LabPaths; readonly root: string; readonly state: LabState };

/** Lays the certificate by which etcd knows this host. */
export async function layHostIdentity({ paths, root, state }: Laid, host: LabHost): Promise<void> {
  const name = hostIdentityName(host);
  const commonName = hostUser(parseFleetId(state.lab), parseHostId(host.name));
  await ensureClientCertificate(paths.tlsFolder, { name, commonName });
  await layFiles(paths.tlsFolder, join(root, HOST_IDENTITY_FOLDER), {
    ca: 'ca',
    host: name,
    'host-key': `${name}-key`,
  });
}

/** Lays what a member of etcd shows its clients and the other members. */
export async function layEtcdCertificates({ paths, root }: Laid, host: LabHost): Promise<void> {
  const name = peerName(host);
  await ensurePeerCertificate(paths.tlsFolder, { name, commonName: PEER, host: host.name, address: host.address });
  const files = {
    ca: 'ca',
    server: host.name,
    'server-key': `${host.name}-key`,
    peer: name,
    'peer-key': `${name}-key`,
  };
  await layFiles(paths.tlsFolder, join(root, MEMBER_FOLDER), files);
  const unit = join(root, 'etc/systemd/system/etcd.service.d');
  await mkdir(unit, { recursive: true });
  await writeFile(join(unit, 'tls.conf'), OWN_FILES);
}

/** Makes the certificates of etcd's root and of the fleet, on the machine alone. */
export async function ensureFleetIdentities(tlsFolder: string, lab: string): Promise<void> {
  await ensureClientCertificate(tlsFolder, { name: etcdIdentities.root, commonName: ROOT });
  await ensureClientCertificate(tlsFolder, { name: etcdIdentities.fleet, commonName: fleetUser(parseFleetId(lab)) });
}

export async function readIdentity(tlsFolder: string, name: string): Promise<ClientIdentity> {
  const { caFile, certFile, keyFile } = etcdTls(tlsFolder, name);
  const read = (file: string): Promise<string> => readFile(file, 'utf8');
  const [ca, cert, key] = await Promise.all([read(caFile), read(certFile), read(keyFile)]);
  return { ca, cert, key };
}

export const etcdTls = (folder: string, name: string): TlsFiles => ({
  caFile: join(folder, 'ca.pem'),
  certFile: join(folder, `${name}.pem`),
  keyFile: join(folder, `${name}-key.pem`),
});

/** `files`: the name on the host, and the one in the lab's folder. Copies keep who may read them. */
async function layFiles(from: string, to: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const [name, source] of Object.entries(files))
    await copyFile(join(from, `${source}.pem`), join(to, `${name}.pem`));
}

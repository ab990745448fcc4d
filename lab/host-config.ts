import { chmod, copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ensureServerCertificate } from './certificates.ts';
import { layEtcdCertificates, layHostIdentity, MEMBER_FOLDER, PEER } from './etcd-identities.ts';
import type { LabPaths } from './paths.ts';
import type { LabHost, LabState } from './state.ts';

/** Writes what makes one host different from the others: its certificate, and its part in etcd. Returns the folder to lay over its root. */
export async function writeHostConfig(paths: LabPaths, host: LabHost, state: LabState): Promise<string> {
  const root = join(paths.hostFolder, host.name);
  await rm(root, { recursive: true, force: true });
  await writeTls(paths, host, join(root, 'etc/docker/tls'));
  if (host.ports.etcd !== null) await writeEtcd(root, host, state);
  if (state.secure) await layHostIdentity({ paths, root, state }, host);
  if (state.secure && host.ports.etcd !== null) await layEtcdCertificates({ paths, root, state }, host);
  await openFolders(root);
  return root;
}

/** etcd's settings for a member, as Debian's unit reads them. The data stays on the host's disk, where the unit puts it. */
export function etcdSettings(host: LabHost, members: readonly LabHost[], secure = false): string {
  const scheme = secure ? 'https' : 'http';
  const settings = {
    ETCD_NAME: host.name,
    ETCD_LISTEN_CLIENT_URLS: `${scheme}://0.0.0.0:2379`,
    ETCD_ADVERTISE_CLIENT_URLS: `${scheme}://${host.name}:2379`,
    ETCD_LISTEN_PEER_URLS: `${scheme}://0.0.0.0:2380`,
    ETCD_INITIAL_ADVERTISE_PEER_URLS: `${scheme}://${host.name}:2380`,
    ETCD_INITIAL_CLUSTER: members.map(({ name }) => `${name}=${scheme}://${name}:2380`).join(','),
    ETCD_INITIAL_CLUSTER_TOKEN: members.map(({ name, address }) => `${name}-${address}`).join('.'),
    ETCD_INITIAL_CLUSTER_STATE: 'new',
    ...(secure ? secureSettings() : {}),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** As docs/operating.md says. The gateway would ask in the name of the server's own certificate. */
function secureSettings(): Readonly<Record<string, string>> {
  const file = (name: string): string => `${MEMBER_FOLDER}/${name}.pem`;
  return {
    ETCD_CERT_FILE: file('server'),
    ETCD_KEY_FILE: file('server-key'),
    ETCD_CLIENT_CERT_AUTH: 'true',
    ETCD_TRUSTED_CA_FILE: file('ca'),
    ETCD_PEER_CERT_FILE: file('peer'),
    ETCD_PEER_KEY_FILE: file('peer-key'),
    ETCD_PEER_CLIENT_CERT_AUTH: 'true',
    ETCD_PEER_TRUSTED_CA_FILE: file('ca'),
    ETCD_PEER_CERT_ALLOWED_CN: PEER,
    ETCD_ENABLE_GRPC_GATEWAY: 'false',
  };
}

async function writeTls(paths: LabPaths, host: LabHost, folder: string): Promise<void> {
  await ensureServerCertificate(paths.tlsFolder, { host: host.name, address: host.address });
  await mkdir(folder, { recursive: true });
  await copyFile(join(paths.tlsFolder, 'ca.pem'), join(folder, 'ca.pem'));
  await copyFile(join(paths.tlsFolder, `${host.name}.pem`), join(folder, 'server.pem'));
  await copyFile(join(paths.tlsFolder, `${host.name}-key.pem`), join(folder, 'server-key.pem'));
}

async function writeEtcd(root: string, host: LabHost, { hosts, secure }: LabState): Promise<void> {
  const members = hosts.filter(({ ports }) => ports.etcd !== null);
  const settings = join(root, 'etc/default/etcd');
  const wanted = join(root, 'etc/systemd/system/multi-user.target.wants/etcd.service');
  await mkdir(dirname(settings), { recursive: true });
  await mkdir(dirname(wanted), { recursive: true });
  await writeFile(settings, etcdSettings(host, members, secure));
  await symlink('/lib/systemd/system/etcd.service', wanted);
}

/** Laying the folder over a host's root gives the host's folders its modes, and a strict umask would lock the services out. */
async function openFolders(root: string): Promise<void> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  await Promise.all([root, ...folders].map((folder) => chmod(folder, 0o755)));
}

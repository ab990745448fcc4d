import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { call } from './programs.ts';

/** A lab does not live that long; no lab ends because a certificate did. */
const VALID_DAYS = '3650';

export type ServerNames = { readonly host: string; readonly address: string };

/** `name`: of the files. Without a common name of its own it is the subject's as well. */
export type Subject = { readonly name: string; readonly commonName?: string };

/** Makes the lab's own authority and the certificate of its clients, once. */
export async function ensureAuthority(folder: string, lab: string): Promise<void> {
  if (await exists(join(folder, 'client.pem'))) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const subject = `/CN=refit lab ${lab}`;
  const key = join(folder, 'ca-key.pem');
  const config = join(folder, 'ca.cnf');
  // An authority of its own configuration: OpenSSL's default file is not everywhere the same.
  await writeFile(
    config,
    '[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  );
  await newKey(key);
  await call('openssl', [
    'req',
    '-x509',
    '-new',
    '-config',
    config,
    '-key',
    key,
    '-days',
    VALID_DAYS,
    '-subj',
    subject,
    '-out',
    join(folder, 'ca.pem'),
  ]);
  await sign(folder, { name: 'client' }, CLIENT);
}

/** Makes the certificate of a client that is known by its common name; its files have a name of their own. */
export async function ensureClientCertificate(folder: string, subject: Subject): Promise<void> {
  if (await exists(join(folder, `${subject.name}.pem`))) return;
  await sign(folder, subject, CLIENT);
}

/** Makes the certificate with which members of an etcd speak to each other: both sides of a connection show it. */
export async function ensurePeerCertificate(folder: string, subject: Subject & ServerNames): Promise<void> {
  if (await exists(join(folder, `${subject.name}.pem`))) return;
  await sign(folder, subject, `extendedKeyUsage=serverAuth,clientAuth\n${alternatives(subject)}`);
}

/** Makes a host's certificate; it is good for every name under which the host is reached. */
export async function ensureServerCertificate(folder: string, names: ServerNames): Promise<void> {
  if (await exists(join(folder, `${names.host}.pem`))) return;
  await sign(folder, { name: names.host }, `extendedKeyUsage=serverAuth\n${alternatives(names)}`);
}

const CLIENT = 'extendedKeyUsage=clientAuth\n';

const alternatives = ({ host, address }: ServerNames): string =>
  `subjectAltName=DNS:${host},DNS:localhost,IP:127.0.0.1,IP:${address}\n`;

/** The certificate comes last, so that its presence says that the key is there as well. */
async function sign(folder: string, { name, commonName = name }: Subject, extensions: string): Promise<void> {
  const file = (suffix: string): string => join(folder, `${name}${suffix}`);
  await newKey(file('-key.pem'));
  await writeFile(file('.ext'), extensions);
  await call('openssl', [
    'req',
    '-new',
    '-config',
    join(folder, 'ca.cnf'),
    '-key',
    file('-key.pem'),
    '-subj',
    `/CN=${commonName}`,
    '-out',
    file('.csr'),
  ]);
  const serial = `0x${randomBytes(16).toString('hex')}`;
  const authority = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca-key.pem'), '-set_serial', serial];
  await call('openssl', [
    'x509',
    '-req',
    '-in',
    file('.csr'),
    ...authority,
    '-days',
    VALID_DAYS,
    '-extfile',
    file('.ext'),
    '-out',
    file('.pem'),
  ]);
  await Promise.all([rm(file('.csr')), rm(file('.ext'))]);
}

async function newKey(file: string): Promise<void> {
  await call('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', file]);
  await chmod(file, 0o600);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

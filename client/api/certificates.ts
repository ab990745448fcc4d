import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { FleetId } from '../../model/ids.ts';
import type { Identity, Role } from './identity.ts';

/** Whom a client's certificate names, and whether the configured authority has signed it. */
export type CertificateName = { readonly commonName: string; readonly isTrusted: boolean };

export type CertificateRole = {
  readonly cn: string;
  readonly role: Role;
  readonly fleets: 'all' | readonly FleetId[];
};

/** Longest name that is repeated in a record; characters. */
const MAX_NAME_LENGTH = 128;

export const certificateIdentities = (roles: readonly CertificateRole[]): ReadonlyMap<string, Identity> =>
  new Map(roles.map(({ cn, role, fleets }) => [cn, { name: cn, by: 'certificate', role, fleets }]));

/** null: none was shown, or the connection has no TLS. */
export function certificateOf(socket: Socket): CertificateName | null {
  if (!(socket instanceof TLSSocket)) return null;
  const names = namesOf(socket.getPeerCertificate());
  if (names === null) return null;
  // Several names would be several identities.
  const commonName = typeof names === 'string' ? names : names.join(' and ');
  return { commonName: commonName.slice(0, MAX_NAME_LENGTH), isTrusted: socket.authorized };
}

/** Without a certificate it is an empty object, and null once the connection is gone, whatever its type says. */
const namesOf = (shown: { readonly subject?: { readonly CN?: string | string[] } } | null): string | string[] | null =>
  shown?.subject?.CN ?? null;

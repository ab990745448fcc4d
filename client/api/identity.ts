import type { FleetId } from '../../model/ids.ts';

/** viewer reads · operator also starts and commands · admin also reads the audit log. Each may what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who asks, as a token, an OpenID Connect provider or a client certificate says. */
export type Identity = {
  /** As it stands in the audit log and in `requestedBy`: the token's name, `sub` at its issuer, or a certificate's CN. */
  readonly name: string;
  readonly by: 'token' | 'oidc' | 'certificate';
  readonly role: Role;
  /** all: every fleet of this API. */
  readonly fleets: 'all' | readonly FleetId[];
};

export const mayAs = (has: Role, needed: Role): boolean => roles.indexOf(has) >= roles.indexOf(needed);

/** A fleet that it may not see is, to it, not there. */
export const maySee = ({ fleets }: Identity, fleet: FleetId): boolean => fleets === 'all' || fleets.includes(fleet);

import type { CertificateName } from './certificates.ts';
import type { Identity } from './identity.ts';
import type { OpenIdConnect } from './oidc.ts';
import { TOKEN_MARK, type Tokens } from './tokens.ts';

/** What a request brings to say who asks. */
export type Credentials = {
  readonly authorization: string | undefined;
  /** What the client's certificate says, if it has one. */
  readonly certificate: CertificateName | null;
};

/** `why` is for the audit log and never leaves by the answer: it would tell which tokens there were. */
export type Authenticated =
  | { readonly outcome: 'none' }
  | { readonly outcome: 'known'; readonly identity: Identity }
  | { readonly outcome: 'unknown'; readonly why: string };

/** Throws Unreachable when nobody can say: tokens that can't be read, a provider that does not answer. */
export type Authenticate = (credentials: Credentials) => Promise<Authenticated>;

export type Means = {
  readonly tokens: Tokens;
  readonly oidc: OpenIdConnect | null;
  /** By a client certificate's CN. */
  readonly certificates: ReadonlyMap<string, Identity>;
};

/** A longer header is no token of anybody's; characters. */
const MAX_HEADER_LENGTH = 8_192;

/** A header goes before a certificate: a program that has both means the token it was given. */
export function createAuthenticate({ tokens, oidc, certificates }: Means): Authenticate {
  return async ({ authorization, certificate }) => {
    if (authorization === undefined) return certificate === null ? { outcome: 'none' } : byName(certificate);
    // Of another scheme, such as Basic, there is nothing that could be known or not.
    if (!/^bearer(\s|$)/i.test(authorization)) return { outcome: 'none' };
    const token = authorization.slice('bearer'.length).trim();
    if (!isWellFormed(token)) return { outcome: 'unknown', why: 'malformed token' };
    if (token.startsWith(TOKEN_MARK) || oidc === null) return tokens.identify(token);
    return oidc.identify(token);
  };

  function byName({ isTrusted, commonName }: CertificateName): Authenticated {
    if (!isTrusted) return { outcome: 'unknown', why: 'certificate of an unknown authority' };
    const identity = certificates.get(commonName);
    if (identity !== undefined) return { outcome: 'known', identity };
    return { outcome: 'unknown', why: `certificate of ${commonName}, which has no role here` };
  }
}

/** RFC 6750's characters of a bearer token. */
const isWellFormed = (token: string): boolean =>
  token.length <= MAX_HEADER_LENGTH && /^[A-Za-z0-9\-._~+/]+=*$/.test(token);

import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose';
import { z } from 'zod';
import type { FleetId } from '../../model/ids.ts';
import { Unreachable } from '../unreachable.ts';
import type { Authenticated } from './authenticate.ts';
import { roles, type Identity, type Role } from './identity.ts';

/** Longest one answer of the issuer may take; ms. */
const ISSUER_MS = 5_000;
/** Pause after a discovery that failed, so that requests do not queue up for an issuer that is away; ms. */
const DISCOVERY_PAUSE_MS = 10_000;
/** Keys are fetched again at this age; ms. */
const KEYS_AGE_MS = 10 * 60_000;
/** Pause between two fetches of keys, however many tokens name unknown ones; ms. */
const KEYS_PAUSE_MS = 30_000;
/** What the clocks of issuer and API may differ; seconds. */
const CLOCK_TOLERANCE_S = 30;
/** Public keys only: a token signed with a shared secret could be made by whoever checks it. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** It stands in records, messages and Temporal's pages. */
const SUBJECT = /^[\x21-\x7e]{1,128}$/;

export type OidcConfig = {
  readonly issuer: string;
  readonly audience: string;
  /** Which claim says the role, and which value means which; a value may be one of a list, and the highest role counts. */
  readonly roles: { readonly claim: string; readonly values: Readonly<Record<string, Role>> };
  /** The same of fleets; all: whoever has a role sees every fleet. */
  readonly fleets:
    'all' | { readonly claim: string; readonly values: Readonly<Record<string, 'all' | readonly FleetId[]>> };
};

/** Tokens of an OpenID Connect provider. */
export interface OpenIdConnect {
  identify(token: string): Promise<Authenticated>;
}

type Keys = ReturnType<typeof createRemoteJWKSet>;

export function openOidc(config: OidcConfig): OpenIdConnect {
  const keysOf = rememberKeys(config.issuer);
  return {
    identify: async (token) => {
      const verified = await verify(config, await keysOf(), token);
      return verified.outcome === 'valid' ? toIdentity(config, verified.claims) : verified;
    },
  };
}

type Verified =
  { readonly outcome: 'valid'; readonly claims: JWTPayload } | { readonly outcome: 'unknown'; readonly why: string };

async function verify({ issuer, audience }: OidcConfig, keys: Keys, token: string): Promise<Verified> {
  const wanted = { issuer, audience, algorithms: ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_S };
  try {
    const { payload } = await jwtVerify(token, keys, { ...wanted, requiredClaims: ['exp', 'sub'] });
    return { outcome: 'valid', claims: payload };
  } catch (error) {
    // JOSEError itself is thrown when the keys can't be had; each of the others says what is wrong with the token.
    const isAway = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
    const isAboutToken = error instanceof errors.JOSEError && error.constructor !== errors.JOSEError && !isAway;
    if (isAboutToken) return { outcome: 'unknown', why: `token of ${issuer}: ${error.code}` };
    throw new Unreachable(`the keys of ${issuer} can't be had, so nobody knows who asks; ask again`, { cause: error });
  }
}

/** The issuer is asked for its keys' address once, at the first token; after a failure not before a pause. */
function rememberKeys(issuer: string): () => Promise<Keys> {
  let asked: Promise<Keys> | null = null;
  let failedAt = -Infinity;
  return async () => {
    if (asked === null && performance.now() - failedAt < DISCOVERY_PAUSE_MS)
      throw new Unreachable(`${issuer} did not answer a moment ago, so nobody knows who asks; ask again`);
    asked ??= discover(issuer);
    try {
      return await asked;
    } catch (cause) {
      asked = null;
      failedAt = performance.now();
      throw new Unreachable(`${issuer} does not say where its keys are, so nobody knows who asks; ask again`, {
        cause,
      });
    }
  };
}

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

async function discover(issuer: string): Promise<Keys> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ISSUER_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const found = Discovery.parse(await response.json());
  if (found.issuer !== issuer) throw new Error(`${url} speaks for ${found.issuer}, expected ${issuer}`);
  const keys = new URL(found.jwks_uri);
  if (issuer.startsWith('https:') && keys.protocol !== 'https:')
    throw new Error(`${url} names keys at ${keys.href}, expected https`);
  return createRemoteJWKSet(keys, {
    timeoutDuration: ISSUER_MS,
    cacheMaxAge: KEYS_AGE_MS,
    cooldownDuration: KEYS_PAUSE_MS,
  });
}

function toIdentity(config: OidcConfig, claims: JWTPayload): Authenticated {
  const subject = claims.sub ?? '';
  if (!SUBJECT.test(subject)) return { outcome: 'unknown', why: `token of ${config.issuer} with an odd subject` };
  const name = `${subject} at ${config.issuer}`;
  const granted = mapped(claims[config.roles.claim], config.roles.values);
  const role = roles.findLast((each) => granted.includes(each));
  if (role === undefined) return { outcome: 'unknown', why: `${name} has no role here` };
  return { outcome: 'known', identity: { name, by: 'oidc', role, fleets: fleetsOf(config, claims) } };
}

function fleetsOf({ fleets }: OidcConfig, claims: JWTPayload): Identity['fleets'] {
  if (fleets === 'all') return 'all';
  const granted = mapped(claims[fleets.claim], fleets.values);
  return granted.includes('all') ? 'all' : granted.flatMap((each) => (each === 'all' ? [] : each));
}

/** A claim is one text, or a list of them; others mean nothing. */
function mapped<Value>(claim: unknown, values: Readonly<Record<string, Value>>): readonly Value[] {
  const said = Array.isArray(claim) ? claim : [claim];
  return said.flatMap((each: unknown): readonly Value[] => {
    const value = typeof each === 'string' && Object.hasOwn(values, each) ? values[each] : undefined;
    return value === undefined ? [] : [value];
  });
}

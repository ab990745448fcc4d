import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openOidc, type OidcConfig } from '../../../client/api/oidc.ts';
import { Unreachable } from '../../../client/unreachable.ts';
import { parseFleetId } from '../../../model/ids.ts';

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

let pair: Pair;
let other: Pair;
const servers: Server[] = [];
beforeAll(async () => {
  [pair, other] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')]);
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const NOW_S = Math.floor(Date.now() / 1_000);

/** undefined: without it. */
type Claims = Readonly<Record<string, unknown>>;
type Issuer = { readonly config: OidcConfig; readonly sign: (claims: Claims, by?: Pair) => Promise<string> };

/** A small OpenID Connect provider on loopback. `speaksFor`: the issuer of its discovery document; its own unless said. */
async function startIssuer(
  options: { readonly speaksFor?: string; readonly keysStatus?: number } = {},
): Promise<Issuer> {
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const server = createServer(({ url }, response) => {
    const isDiscovery = url === '/.well-known/openid-configuration';
    const body = isDiscovery ? { issuer: options.speaksFor ?? issuer, jwks_uri: `${issuer}/keys` } : keys;
    response.writeHead(isDiscovery ? 200 : (options.keysStatus ?? 200), { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    config: {
      ...{ issuer, audience: 'refit' },
      roles: { claim: 'groups', values: { everyone: 'viewer', ops: 'operator', root: 'admin' } },
      fleets: { claim: 'sites', values: { a: [parseFleetId('site-a')], b: [parseFleetId('site-b')], world: 'all' } },
    },
    sign: async (claims, by = pair) =>
      new SignJWT({ iss: issuer, aud: 'refit', sub: 'u-17', exp: NOW_S + 600, groups: 'ops', sites: 'a', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(by.privateKey),
  };
}

describe('tokens of an OpenID Connect provider', () => {
  test('say who asks, with role and fleets by their claims', async () => {
    const { config, sign } = await startIssuer();

    const known = await openOidc(config).identify(await sign({}));

    const name = `u-17 at ${config.issuer}`;
    expect(known).toEqual({ outcome: 'known', identity: { name, by: 'oidc', role: 'operator', fleets: ['site-a'] } });
  });

  test('of several groups the highest role counts, and all their fleets', async () => {
    const { config, sign } = await startIssuer();
    const oidc = openOidc(config);

    const many = await oidc.identify(await sign({ groups: ['everyone', 'root', 'chess'], sites: ['a', 'b', 'c'] }));
    const world = await oidc.identify(await sign({ sites: ['world', 'a'] }));
    const none = await oidc.identify(await sign({ sites: 'nowhere' }));

    expect(many).toMatchObject({ identity: { role: 'admin', fleets: ['site-a', 'site-b'] } });
    expect(world).toMatchObject({ identity: { fleets: 'all' } });
    expect(none).toMatchObject({ identity: { fleets: [] } });
  });

  test('every fleet is seen where no claim says which', async () => {
    const { config, sign } = await startIssuer();

    const known = await openOidc({ ...config, fleets: 'all' }).identify(await sign({}));

    expect(known).toMatchObject({ identity: { fleets: 'all' } });
  });

  test.each<[why: string, claims: Claims]>([
    ['expired', { exp: NOW_S - 60 }],
    ['without an end', { exp: undefined }],
    ['not good yet', { nbf: NOW_S + 600 }],
    ['for somebody else', { aud: 'others' }],
    ['of another issuer', { iss: 'http://127.0.0.1:1' }],
    ['without a role', { groups: 'chess' }],
    ['with a role that only looks like one', { groups: 'toString' }],
    ['without a subject', { sub: undefined }],
    ['with a subject that would break a line', { sub: 'u\n17' }],
  ])('one %s is not good', async (_why, claims) => {
    const { config, sign } = await startIssuer();

    expect((await openOidc(config).identify(await sign(claims))).outcome).toBe('unknown');
  });

  test('one that another key signed is not good, nor one without a signature, nor one signed with the public key', async () => {
    const { config, sign } = await startIssuer();
    const oidc = openOidc(config);
    const [, payload = ''] = (await sign({})).split('.');
    const encode = (text: string): string => Buffer.from(text).toString('base64url');
    const shared = await new SignJWT({ iss: config.issuer, aud: 'refit', sub: 'u', exp: NOW_S + 60, groups: 'root' })
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .sign(Buffer.from(JSON.stringify(await exportJWK(pair.publicKey))));

    const forged = [await sign({}, other), `${encode('{"alg":"none"}')}.${payload}.`, shared, 'a.b.c', 'text'];
    for (const token of forged) expect((await oidc.identify(token)).outcome, token).toBe('unknown');
  });

  test.each([
    ['does not answer', { speaksFor: 'nobody' }],
    ['does not give its keys', { keysStatus: 500 }],
  ])('nobody can say who asks while the issuer %s', async (_how, options) => {
    const { config, sign } = await startIssuer(options);

    await expect(openOidc(config).identify(await sign({}))).rejects.toThrow(Unreachable);
  });

  test('an issuer that is away is not asked again at every request', async () => {
    const { config, sign } = await startIssuer();
    const oidc = openOidc(config);
    const token = await sign({});
    await new Promise((resolve) => servers.splice(0)[0]?.close(resolve));

    await expect(oidc.identify(token)).rejects.toThrow(Unreachable);
    await expect(oidc.identify(token)).rejects.toThrow('did not answer a moment ago');
  });
});

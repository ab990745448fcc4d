import { isIP } from 'node:net';
import { z } from 'zod';
import { name, text } from '../../drivers/fleet-fields.ts';
import { parseFleetId } from '../../model/ids.ts';
import { roles } from './identity.ts';

/** Most requests a minute, and most bytes of a body, that a file may allow. */
const MAX_PER_MINUTE = 1_000_000;
const MAX_BODY_BYTES = 1024 ** 2;

export type Listen = { readonly host: string; readonly port: number };

/** `127.0.0.1:7280`, `[::]:7280`, `localhost:7280`; null: none of these. */
export function parseListen(address: string): Listen | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? null : { host, port };
}

const role = z.enum(roles);
const fleets = z.union([z.literal('all'), z.array(name('fleet').transform(parseFleetId)).min(1)], {
  error: 'expected all, or a list of fleets',
});
const claim = text('the name of a claim such as groups', /^\S+$/);
const file = text('the path of a file', /^.+$/);

const Oidc = z.strictObject({
  issuer: text(
    'the issuer as its tokens name it, such as https://id.example',
    /^https:\/\/\S+$|^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/\S*)?$/,
  ),
  audience: text('the audience of tokens for this API', /^\S+$/),
  roles: z.strictObject({ claim, values: z.record(z.string(), role) }),
  fleets: z.union([z.literal('all'), z.strictObject({ claim, values: z.record(z.string(), fleets) })], {
    error: 'expected all, or claim and values',
  }),
});

const Tls = z
  .strictObject({
    certFile: file,
    keyFile: file,
    clientCaFile: file.optional(),
    certificates: z
      .array(z.strictObject({ cn: text('the common name of a certificate', /^.{1,128}$/), role, fleets }))
      .default([]),
  })
  .refine(({ clientCaFile, certificates }) => (clientCaFile === undefined) === (certificates.length === 0), {
    error: 'expected clientCaFile and certificates together',
  });

const perMinute = z.int().min(1).max(MAX_PER_MINUTE).optional();

/** A file of `refit api --config`. */
export const ApiFile = z.strictObject({
  listen: z
    .string({ error: 'expected an address such as 127.0.0.1:7280' })
    .refine((address) => parseListen(address) !== null, { error: 'expected an address such as 127.0.0.1:7280' })
    .optional(),
  fleets: z.array(file).min(1).optional(),
  tokensFile: file.optional(),
  auditFile: file.optional(),
  oidc: Oidc.optional(),
  tls: z.union([z.literal('none'), Tls], { error: 'expected none, or certFile and keyFile' }).optional(),
  limits: z
    .strictObject({
      requestsPerMinute: perMinute,
      changesPerMinute: perMinute,
      bodyBytes: z.int().min(1_024).max(MAX_BODY_BYTES).optional(),
    })
    .default({}),
  trustedProxies: z
    .array(z.string().refine(isAddress, { error: 'expected an address such as 10.0.0.7, or 10.0.0.0/24' }))
    .default([]),
});

function isAddress(address: string): boolean {
  const [ip = '', bits = '0', ...more] = address.split('/');
  return more.length === 0 && isIP(ip) !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(ip) === 4 ? 32 : 128);
}

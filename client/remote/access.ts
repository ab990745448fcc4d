import { readFileSync } from 'node:fs';
import { WrongInput } from '../fleet-client.ts';

/** Where an API is, and with what to speak to it. Of secrets the files' names only. */
export type ApiAccess = {
  /** The API's root, or `…/v1/fleets/NAME`. */
  readonly url: string;
  /** Has the token; null: none is sent. */
  readonly tokenFile: string | null;
  /** Authorities, as PEM; null: those that Node trusts. */
  readonly caFile: string | null;
  /** The client's own certificate and key, as PEM; null: it shows none. */
  readonly client: { readonly certFile: string; readonly keyFile: string } | null;
};

/** The same, read. */
export type OpenedAccess = {
  /** Without a path. */
  readonly origin: URL;
  /** In front of `/v1`, such as of an API behind a proxy; mostly empty. */
  readonly prefix: string;
  /** null: the API says which fleet the token sees. */
  readonly fleet: string | null;
  readonly token: string | null;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
};

/** `/v1/fleets/NAME` at the end of an address. */
const FLEET_PATH = /^(.*)\/v1(?:\/fleets(?:\/([^/]+))?)?$/;
/** What a token is made of, by RFC 6750. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** Throws WrongInput for an address or a file that can't be meant. */
export function openAccess({ url, tokenFile, caFile, client }: ApiAccess): OpenedAccess {
  const { origin, prefix, fleet } = parseAddress(url);
  return {
    ...{ origin, prefix, fleet },
    token: tokenFile === null ? null : readToken(tokenFile),
    tls: {
      ...(caFile !== null && { ca: readText('api-ca', caFile) }),
      ...(client !== null && {
        cert: readText('api-client-cert', client.certFile),
        key: readText('api-client-key', client.keyFile),
      }),
    },
  };
}

function parseAddress(text: string): Pick<OpenedAccess, 'origin' | 'prefix' | 'fleet'> {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (!isPlain || !['http:', 'https:'].includes(url.protocol)) {
    const examples = 'https://refit.example:7280 or https://refit.example:7280/v1/fleets/NAME';
    throw new WrongInput('api', `expected an API's address such as ${examples}, got "${text}"`);
  }
  const path = url.pathname.replace(/\/+$/, '');
  const [, prefix = path, fleet] = FLEET_PATH.exec(path) ?? [];
  return { origin: new URL(url.origin), prefix, fleet: fleet === undefined ? null : decodeURIComponent(fleet) };
}

/** Its text is in no message. */
function readToken(file: string): string {
  const token = readText('token-file', file).trim();
  if (TOKEN.test(token)) return token;
  throw new WrongInput('token-file', `expected ${file} to hold one token, as refit token create prints it`);
}

function readText(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new WrongInput(option, `--${option}: expected a file that can be read at ${file}, got ${code}`, {
      cause: error,
    });
  }
}

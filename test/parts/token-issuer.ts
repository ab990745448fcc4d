import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { createServer, type Server } from 'node:http';
import { portOf } from './free-ports.ts';

/** Who a Temporal server believes: tokens with what their bearer may do in which namespace, and the key to check them by. */
export type TokenIssuer = {
  /** Where the server reads the public key. */
  readonly keysUrl: string;
  /** `namespace:role`, such as `site-a:write`. */
  readonly issue: (permissions: readonly string[]) => Promise<string>;
  readonly close: () => Promise<void>;
};

const ALGORITHM = 'ES256';
const KEY = 'test';
const VALID_FOR = '1h';

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM);
  const keys = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: KEY, alg: ALGORITHM }] });
  const server = createServer((_, response) => void response.setHeader('content-type', 'application/json').end(keys));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    keysUrl: `http://127.0.0.1:${portOf(server)}/`,
    issue: async (permissions) =>
      new SignJWT({ permissions })
        .setProtectedHeader({ alg: ALGORITHM, kid: KEY })
        .setSubject('test')
        .setExpirationTime(VALID_FOR)
        .sign(privateKey),
    close: async () => closeServer(server),
  };
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

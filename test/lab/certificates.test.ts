import { createServer, type Server } from 'node:https';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureAuthority, ensureServerCertificate } from '../../lab/certificates.ts';
import { getSecurely, type ClientIdentity } from '../../lab/http.ts';

let folder: string;
let server: Server;
let port: number;

const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-tls-'));
  await ensureAuthority(folder, 'lab');
  await ensureServerCertificate(folder, { host: 'host-1', address: '10.213.7.10' });
  const identity = { ca: await read('ca.pem'), cert: await read('host-1.pem'), key: await read('host-1-key.pem') };
  server = createServer({ ...identity, requestCert: true, rejectUnauthorized: true }, (_, response) =>
    response.end('OK'),
  );
  port = await new Promise((resolve, reject) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port'));
      else resolve(address.port);
    });
  });
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true });
});

async function client(): Promise<ClientIdentity> {
  return { ca: await read('ca.pem'), cert: await read('client.pem'), key: await read('client-key.pem') };
}

describe('the certificates of a lab', () => {
  it('let its clients speak to a host, by address and by name', async () => {
    expect(await getSecurely(`https://127.0.0.1:${port}/`, await client())).toEqual({ status: 200, body: 'OK' });
    expect(await getSecurely(`https://localhost:${port}/`, await client())).toEqual({ status: 200, body: 'OK' });
  });

  it('keep out clients of another lab', async () => {
    const other = await mkdtemp(join(tmpdir(), 'refit-tls-'));
    await ensureAuthority(other, 'other');
    const stranger = {
      ca: await read('ca.pem'),
      cert: await readFile(join(other, 'client.pem'), 'utf8'),
      key: await readFile(join(other, 'client-key.pem'), 'utf8'),
    };

    await expect(getSecurely(`https://127.0.0.1:${port}/`, stranger)).rejects.toThrow();
    await rm(other, { recursive: true });
  });

  it('are made once', async () => {
    const before = await Promise.all(['ca.pem', 'client.pem', 'host-1.pem'].map(read));

    await ensureAuthority(folder, 'lab');
    await ensureServerCertificate(folder, { host: 'host-1', address: '10.213.7.10' });

    expect(await Promise.all(['ca.pem', 'client.pem', 'host-1.pem'].map(read))).toEqual(before);
  });

  it('keep their keys from other users', async () => {
    for (const key of ['ca-key.pem', 'client-key.pem', 'host-1-key.pem']) {
      expect((await stat(join(folder, key))).mode & 0o077).toBe(0);
    }
  });
});

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FleetFileProblems } from '../../drivers/fleet-file.ts';
import { temporalAccess } from '../../drivers/temporal-access.ts';
import type { FleetTemporal } from '../../model/fleet.ts';
import { folderWith } from '../release/folder.ts';

const PLAIN: FleetTemporal = { address: 'temporal:7233', namespace: 'site-a', ui: null, tls: null, apiKeyFile: null };

const secureIn = (folder: string): FleetTemporal => ({
  ...PLAIN,
  tls: {
    ...{ caFile: join(folder, 'ca.pem'), certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') },
    serverName: 'temporal.example',
  },
  apiKeyFile: join(folder, 'token'),
});

const FILES = { 'ca.pem': 'ca', 'cert.pem': 'cert', 'key.pem': 'key', token: 'secret\n' };

/** Neither this machine's variables nor its configuration file. */
beforeEach(() => {
  for (const name of Object.keys(process.env).filter((each) => each.startsWith('TEMPORAL_')))
    vi.stubEnv(name, undefined);
  vi.stubEnv('XDG_CONFIG_HOME', '/nowhere');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("how the fleet's Temporal is reached", () => {
  test('is what the fleet file says, its files read when they are used', async () => {
    await using folder = await folderWith(FILES);

    const { address, namespace, options } = temporalAccess({ temporal: secureIn(folder.path) });

    expect({ address, namespace }).toEqual({ address: 'temporal:7233', namespace: 'site-a' });
    expect(options).toEqual({
      address: 'temporal:7233',
      apiKey: 'secret',
      tls: {
        serverRootCACertificate: Buffer.from('ca'),
        clientCertPair: { crt: Buffer.from('cert'), key: Buffer.from('key') },
        serverNameOverride: 'temporal.example',
      },
    });
  });

  test('is Temporal’s own default place where the fleet file says nothing', () => {
    expect(temporalAccess({ temporal: null })).toEqual({
      address: 'localhost:7233',
      namespace: 'default',
      options: { address: 'localhost:7233' },
    });
  });

  test('is what Temporal’s own variables say, if they are set', async () => {
    await using folder = await folderWith(FILES);
    vi.stubEnv('TEMPORAL_ADDRESS', 'elsewhere:7233');
    vi.stubEnv('TEMPORAL_NAMESPACE', 'site-b');
    vi.stubEnv('TEMPORAL_API_KEY', 'other');
    vi.stubEnv('TEMPORAL_TLS_SERVER_NAME', 'other.example');

    const { namespace, options } = temporalAccess({ temporal: secureIn(folder.path) });

    expect(namespace).toBe('site-b');
    expect(options).toMatchObject({ address: 'elsewhere:7233', apiKey: 'other' });
    expect(options.tls).toMatchObject({ serverNameOverride: 'other.example', clientCertPair: undefined });
  });

  test('keeps the certificates of the fleet file with a token from a variable, and none with TEMPORAL_TLS=false', async () => {
    await using folder = await folderWith(FILES);
    vi.stubEnv('TEMPORAL_API_KEY', 'other');
    const withToken = temporalAccess({ temporal: secureIn(folder.path) });
    vi.stubEnv('TEMPORAL_TLS', 'false');
    const without = temporalAccess({ temporal: secureIn(folder.path) });

    expect(withToken.options.tls).toMatchObject({ serverNameOverride: 'temporal.example' });
    expect(without.options.tls).toBe(false);
  });

  test('names the file that can’t be read', async () => {
    await using folder = await folderWith({ 'ca.pem': 'ca', 'cert.pem': 'cert' });

    const read = (): unknown => temporalAccess({ temporal: secureIn(folder.path) });

    expect(read).toThrow(FleetFileProblems);
    expect(read).toThrow(`${join(folder.path, 'key.pem')}:1:1: expected this file`);
  });
});

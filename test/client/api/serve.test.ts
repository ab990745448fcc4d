import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openAuditLog } from '../../../client/api/audit-log.ts';
import { ApiConfigProblems, loadApiConfig } from '../../../client/api/config.ts';
import { serveApi, type ServedApi } from '../../../client/api/serve.ts';
import { createToken } from '../../../client/api/token-file.ts';
import { ensureAuthority, ensureServerCertificate } from '../../../lab/certificates.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-serve-'));
  await ensureAuthority(folder, 'test');
  await ensureServerCertificate(folder, { host: 'server', address: '127.0.0.1' });
  await ensureAuthority(join(folder, 'stranger'), 'stranger');
  const fleet =
    'hosts: [{ name: host-1, engine: { endpoint: "tcp://127.0.0.1:1" } }]\netcd: { endpoints: ["http://127.0.0.1:1"] }\n';
  await writeFile(join(folder, 'a.yaml'), `fleet: site-a\n${fleet}`);
  await writeFile(join(folder, 'b.yaml'), `fleet: site-b\n${fleet}`);
});
afterAll(() => rm(folder, { recursive: true }));

const log = pino({ level: 'error' });
const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
const TLS = 'tls: { certFile: server.pem, keyFile: server-key.pem';

let count = 0;
async function configured(...lines: readonly string[]): Promise<string> {
  const file = join(folder, `api-${(count += 1)}.yaml`);
  await writeFile(file, lines.join('\n'));
  return file;
}

async function serve(...lines: readonly string[]): Promise<ServedApi> {
  const usual = [
    'listen: 127.0.0.1:0',
    'fleets: [a.yaml, b.yaml]',
    'tokensFile: tokens.json',
    'auditFile: audit.jsonl',
  ];
  const api = await serveApi(loadApiConfig({ config: await configured(...usual, ...lines) }, {}), log);
  onTestFinished(() => api.close());
  return api;
}

async function get(url: string, options: RequestOptions): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...options, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

describe('an API on TLS', () => {
  test('knows who asks by a client certificate, else by a token', async () => {
    const roles = 'clientCaFile: ca.pem, certificates: [{ cn: client, role: viewer, fleets: [site-a] }]';
    const { url } = await serve(`${TLS}, ${roles} }`);
    const ca = await read('ca.pem');
    const own = { cert: await read('client.pem'), key: await read('client-key.pem') };
    const stranger = { cert: await read('stranger/client.pem'), key: await read('stranger/client-key.pem') };
    const created = await createToken(join(folder, 'tokens.json'), {
      ...{ name: 'anna', role: 'viewer', fleets: 'all', expiresAt: null },
    });
    const token = created.outcome === 'created' ? created.token : '';
    const ask = (options: RequestOptions): ReturnType<typeof get> => get(`${url}/v1/fleets`, { ca, ...options });

    expect(JSON.parse((await ask(own)).body)).toEqual({ fleets: [{ fleet: 'site-a', href: '/v1/fleets/site-a' }] });
    expect((await ask({})).status).toBe(401);
    expect((await ask(stranger)).status).toBe(403);
    const both = await ask({ ...own, headers: { authorization: `Bearer ${token}` } });
    expect((JSON.parse(both.body) as { fleets: unknown[] }).fleets).toHaveLength(2);
    const refused = [];
    for await (const { status, what } of openAuditLog({ file: join(folder, 'audit.jsonl') }).newestFirst())
      refused.push([status, what?.['why']]);
    expect(refused).toEqual([
      [403, 'certificate of an unknown authority'],
      [401, 'no credentials'],
    ]);
  });

  test('a certificate without a role here is refused', async () => {
    const { url } = await serve(`${TLS}, clientCaFile: ca.pem, certificates: [{ cn: x, role: admin, fleets: all }] }`);
    const own = { ca: await read('ca.pem'), cert: await read('client.pem'), key: await read('client-key.pem') };

    expect((await get(`${url}/v1/fleets`, own)).status).toBe(403);
  });
});

describe('an API that can’t be started says why', () => {
  test('its address is taken', async () => {
    const { url } = await serve();
    const file = await configured(`listen: "${new URL(url).host}"`, 'fleets: [a.yaml]');

    await expect(serveApi(loadApiConfig({ config: file }, {}), log)).rejects.toThrow(/something else listens there/);
  });

  test.each([
    ['two files of one fleet', ['fleets: [a.yaml, a.yaml]'], /site-a is in another file, too/],
    [
      'a certificate that is not there',
      ['fleets: [a.yaml]', 'tls: { certFile: no.pem, keyFile: no.pem }'],
      /no\.pem:1:1: expected a file of PEM, got ENOENT/,
    ],
  ])('%s', async (_what, lines, message) => {
    const config = loadApiConfig({ config: await configured(...lines) }, {});

    await expect(serveApi(config, log)).rejects.toThrow(message);
    await expect(serveApi(config, log)).rejects.toThrow(ApiConfigProblems);
  });
});

describe('the configuration', () => {
  test('is for this machine alone when nothing is said, with files beside the fleet file', () => {
    const config = loadApiConfig({}, { REFIT_FLEET: join(folder, '.refit', 'fleet.yaml') });

    expect(config).toMatchObject({ listen: { host: '127.0.0.1', port: 7280 }, tls: null, oidc: null });
    expect(config.tokensFile).toBe(join(folder, '.refit', 'api', 'tokens.json'));
    expect(config.auditFile).toBe(join(folder, '.refit', 'api', 'audit.jsonl'));
  });

  test('what was typed goes before variables, and these before the file', async () => {
    const config = await configured('listen: 127.0.0.1:1', 'fleets: [a.yaml]', 'tokensFile: of-file.json');
    const env = { REFIT_API_LISTEN: '127.0.0.1:2', REFIT_API_AUDIT_FILE: '/elsewhere/audit' };

    expect(loadApiConfig({ config, listen: '127.0.0.1:3' }, env).listen.port).toBe(3);
    expect(loadApiConfig({ config }, env)).toMatchObject({
      ...{ listen: { port: 2 }, auditFile: '/elsewhere/audit', tokensFile: join(folder, 'of-file.json') },
    });
    expect(loadApiConfig({}, { ...env, REFIT_API_CONFIG: config }).fleetFiles).toEqual([join(folder, 'a.yaml')]);
  });

  test('names line and field of every fault', async () => {
    const file = await configured(
      'listen: nowhere',
      'limits: { bodyBytes: 3 }',
      'odd: true',
      'oidc: { issuer: "http://x" }',
    );

    expect(() => loadApiConfig({ config: file }, {})).toThrow(
      new RegExp(
        [
          `${file}:1:1: listen: expected an address such as 127.0.0.1:7280, got "nowhere"`,
          `${file}:2:11: limits.bodyBytes: expected at least 1024, got 3`,
          `${file}:3:1: odd: unknown field`,
          `${file}:4:9: oidc.issuer: expected the issuer as its tokens name it`,
        ].join('[^]*'),
      ),
    );
  });

  test('tokens cross a network only where somebody said so', async () => {
    const open = 'listen: 0.0.0.0:7280\nfleets: [a.yaml]';

    const plain = await configured(open);
    expect(() => loadApiConfig({ config: plain }, {})).toThrow(/tokens would cross the network in the clear/);
    expect(loadApiConfig({ config: plain }, { REFIT_API_TLS: 'none' }).tls).toBeNull();
    expect(loadApiConfig({ config: await configured(open, 'tls: none') }, {}).tls).toBeNull();
    expect(loadApiConfig({ config: await configured(open, `${TLS} }`) }, {}).tls?.certFile).toBe(
      join(folder, 'server.pem'),
    );
  });
});

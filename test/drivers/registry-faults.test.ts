import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLayout } from '../../drivers/oci/layout.ts';
import { createRegistry } from '../../drivers/registry.ts';
import { folderWith } from '../release/folder.ts';
import { startLyingRegistry, type LyingRegistry } from './lying-registry.ts';
import { failureOf, publishSample, type PublishedSample } from './published-sample.ts';

let sample: PublishedSample;
const registry = createRegistry({});

beforeAll(async () => {
  sample = await publishSample();
});
afterAll(() => sample[Symbol.asyncDispose]());

describe('a registry that lies', () => {
  let proxy: LyingRegistry;
  let lied: string;
  beforeAll(async () => {
    proxy = await startLyingRegistry(sample.address);
    lied = sample.reference.replace(sample.address, proxy.address);
  });
  afterAll(() => proxy[Symbol.asyncDispose]());

  test('is believed when it tells the truth', async () => {
    proxy.lie((_request, { body, send }) => send(body));

    expect((await registry.readRelease(lied)).ref.digest).toBe(sample.built.digest);
  });

  test('about the manifest is found out, and both digests are named', async () => {
    const other = (body: Buffer): Buffer => Buffer.from(`${body.toString()} `);
    proxy.lie(({ path }, { body, send }) => send(path.includes('/manifests/') ? other(body) : body));

    const byDigest = await failureOf(registry.readRelease(lied));
    const byTag = await failureOf(registry.readRelease(`${proxy.address}/sample:2.0.0`));

    for (const failure of [byDigest, byTag]) {
      expect(failure.kind).toBe('mismatch');
      expect(failure.message).toMatch(
        new RegExp(`expected ${sample.built.digest}, got sha256:[0-9a-f]{64}; nothing of it was used`),
      );
    }
  });

  test.each([
    ['the release layer', () => sample.layerNamed('release').digest],
    ['the config', () => configDigest()],
  ])('about %s is found out', async (_what, digestOf) => {
    const digest = await digestOf();
    proxy.lie(({ path }, { body, send }) => send(path.endsWith(digest) ? flipped(body) : body));

    expect(await failureOf(registry.readRelease(lied))).toMatchObject({
      kind: 'mismatch',
      message: expect.stringContaining(digest) as string,
    });
  });

  test('and sends half a layer is found out, with the bytes there should have been', async () => {
    const { digest, sizeBytes } = sample.layerNamed('release');
    proxy.lie(({ path }, { body, send }) => send(path.endsWith(digest) ? body.subarray(0, 100) : body));

    const failure = await failureOf(registry.readRelease(lied));

    expect(failure).toMatchObject({ kind: 'mismatch' });
    expect(failure.message).toContain(`(100 of ${sizeBytes} bytes)`);
  });

  test('and sends more than a manifest can have is not listened to for long', async () => {
    proxy.lie((_request, { send }) => send(Buffer.alloc(5 * 1024 ** 2, 32)));

    expect(await failureOf(registry.readRelease(lied))).toMatchObject({
      kind: 'refused',
      message: expect.stringContaining('expected at most 4194304 bytes') as string,
    });
  });

  test('about what it stored is found out when publishing', async () => {
    const other = `sha256:${'f'.repeat(64)}`;
    proxy.lie(({ method, path }, { body, send, response }) => {
      if (method === 'PUT' && path.includes('/manifests/')) {
        response.setHeader('docker-content-digest', other);
        response.writeHead(201).end();
      } else send(body);
    });

    const push = { layout: sample.built.layout, reference: `${proxy.address}/lied`, version: '1.0.0' };

    expect((await failureOf(registry.push(push))).message).toContain(`expected ${sample.built.digest}, got ${other}`);
  });
});

describe('a registry that can’t be used', () => {
  test('is unreachable when nothing listens there', async () => {
    const failure = await failureOf(registry.readRelease('127.0.0.1:9/sample:1.0.0'));

    expect(failure.kind).toBe('unreachable');
    expect(failure.message).toMatch(/^registry 127\.0\.0\.1:9 can't be used for sample: .*; check that it runs/);
  });

  test('is unreachable when its connection breaks off in the middle', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    proxy.lie(({ path }, { body, send, response }) => {
      if (!path.includes('/blobs/')) {
        send(body);
        return;
      }
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, 10), () => response.destroy());
    });

    const failure = await failureOf(registry.readRelease(sample.reference.replace(sample.address, proxy.address)));

    expect(failure.kind).toBe('unreachable');
    expect(failure.message).toContain('broke off after 10 bytes');
  });

  test('is unreachable when it has trouble of its own', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    proxy.lie((_request, { send }) => send(Buffer.from('disk full'), 503));

    const failure = await failureOf(registry.resolve(`${proxy.address}/sample:2.0.0`));

    expect(failure).toMatchObject({ kind: 'unreachable' });
    expect(failure.message).toContain('status 503: disk full');
  });

  test('is left alone as soon as the caller says so', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    const controller = new AbortController();
    proxy.lie(() => controller.abort(new Error('cancelled')));

    await expect(registry.resolve(`${proxy.address}/sample:2.0.0`, controller.signal)).rejects.toThrow('cancelled');
  });

  test.each(['sample:1.0.0', 'registry.lab:5000/sample', 'registry.lab:5000/Sample:1'])(
    'is not even asked for %s',
    async (text) => {
      expect(await failureOf(registry.readRelease(text))).toMatchObject({ kind: 'notFound' });
    },
  );
});

describe('a registry with users', () => {
  const credentials = `Basic ${Buffer.from('operator:secret').toString('base64')}`;

  test('is used with the password from the file, and through the fleet file’s address for it', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    await using files = await folderWith({ 'user.json': '{ "username": "operator", "password": "secret" }' });
    proxy.lie(({ authorization }, { body, send, response }) => {
      if (authorization === credentials) {
        send(body);
        return;
      }
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    });
    const access = { endpoint: `http://${proxy.address}`, credentialsFile: join(files.path, 'user.json') };
    const withUser = createRegistry({ 'registry.lab:5000': access });

    const { ref } = await withUser.readRelease('registry.lab:5000/sample:2.0.0');

    expect(ref).toMatchObject({ repository: 'registry.lab:5000/sample', digest: sample.built.digest });
  });

  test('is used with a token from the server that it names, for reading and for publishing', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    await using files = await folderWith({ 'user.json': '{ "username": "operator", "password": "secret" }' });
    const scopes: string[] = [];
    proxy.lie(({ path, authorization }, { body, send, response }) => {
      if (path.startsWith('/token')) {
        const url = new URL(path, 'http://x');
        scopes.push(url.searchParams.get('scope') ?? '');
        const token = authorization === credentials ? { token: `t-${url.searchParams.get('service') ?? ''}` } : {};
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token));
      } else if (authorization === 'Bearer t-registry') send(body);
      else {
        const challenge = `Bearer realm="http://${proxy.address}/token",service="registry"`;
        response.writeHead(401, { 'www-authenticate': challenge }).end();
      }
    });
    const access = { endpoint: `http://${proxy.address}`, credentialsFile: join(files.path, 'user.json') };
    const withUser = createRegistry({ 'registry.lab:5000': access });

    const published = await withUser.push({
      layout: sample.built.layout,
      reference: 'registry.lab:5000/tokens',
      version: '2.0.0',
    });
    const read = await withUser.readRelease(published.reference);

    expect(read.ref.digest).toBe(sample.built.digest);
    expect(new Set(scopes)).toEqual(new Set(['repository:tokens:pull', 'repository:tokens:pull,push']));
  });

  test.each([
    ['no file is named', null, 'wants a user; name a credentialsFile'],
    ['the file is not there', '/nowhere/user.json', 'got ENOENT'],
  ])('says what to do when %s', async (_what, credentialsFile, message) => {
    await using proxy = await startLyingRegistry(sample.address);
    proxy.lie((_request, { response }) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end());
    const withoutUser = createRegistry({
      'registry.lab:5000': { endpoint: `http://${proxy.address}`, credentialsFile },
    });

    const failure = await failureOf(withoutUser.readRelease('registry.lab:5000/sample:2.0.0'));

    expect(failure).toMatchObject({ kind: 'refused' });
    expect(failure.message).toContain(message);
  });

  test('never shows the password in an error', async () => {
    await using proxy = await startLyingRegistry(sample.address);
    await using files = await folderWith({ 'user.json': '{ "username": "operator", "pass": "secret-word" }' });
    proxy.lie((_request, { response }) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end());
    const access = { endpoint: `http://${proxy.address}`, credentialsFile: join(files.path, 'user.json') };

    const failure = await failureOf(createRegistry({ 'r.lab:1': access }).readRelease('r.lab:1/sample:2.0.0'));

    expect(`${failure.message} ${String(failure.cause)}`).not.toContain('secret-word');
  });
});

async function configDigest(): Promise<string> {
  return (await readLayout(sample.built.layout)).manifest.config.digest;
}

const flipped = (body: Buffer): Buffer => Buffer.from(body.map((byte, index) => (index === 20 ? byte ^ 1 : byte)));

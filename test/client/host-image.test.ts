import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalImages, type LocalImages } from '../../client/local-upgrade-image.ts';
import { Unreachable } from '../../client/unreachable.ts';
import { createReleaseLook } from '../../drivers/docker/release-look.ts';
import { RegistryError, type ResolvedImage } from '../../model/registry.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { digestOf } from '../fakes/release.ts';

const repository = 'registry.lab:5000/sample';
const tag = `${repository}:2.0.0`;
const byDigest = `${repository}@${digestOf('b')}`;
const inspected = {
  Id: digestOf('1'),
  RepoDigests: [`other.example/sample@${digestOf('e')}`, byDigest],
  Config: { Labels: { 'dev.refit.contents': digestOf('c') } },
};

let server: Server;
/** What the engine answers to an inspect, by reference. */
let known: Map<string, object>;
let engine: FakeEngine;
beforeEach(async () => {
  known = new Map();
  engine = new FakeEngine('host-1');
  server = createServer((request, response) => {
    const name = decodeURIComponent(/\/images\/(.*)\/json/.exec(request.url ?? '')?.[1] ?? '');
    // A pull brings what it names.
    const found = known.get(name) ?? (engine.images.has(name) ? inspected : undefined);
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ?? { message: `No such image: ${name}` }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => new Promise((resolve) => server.close(resolve)));

const noRegistry = (): Promise<ResolvedImage> =>
  Promise.reject(new RegistryError('unreachable', 'no registry answers'));

function imagesWith(resolve: (reference: string) => Promise<ResolvedImage> = noRegistry): LocalImages {
  const { port } = server.address() as AddressInfo;
  const look = createReleaseLook({ endpoint: `tcp://127.0.0.1:${port}`, tls: null }, 'host-1');
  return createLocalImages({ engine, look, registry: { resolve }, registries: {} });
}

test('a tag means what the engine has under it, and no registry is asked', async () => {
  known.set(tag, inspected);

  const found = await imagesWith().release(tag);

  expect(found).toEqual({
    ok: true,
    image: { id: digestOf('1'), digest: digestOf('b'), contents: digestOf('c'), isFromRegistry: true, repository },
  });
  expect(engine.pulls).toEqual([]);
});

test('an image that the engine does not have is resolved once, and pulled by its digest', async () => {
  const found = await imagesWith(() => Promise.resolve({ repository, digest: digestOf('b') })).release(tag);

  expect(found).toMatchObject({ ok: true, image: { digest: digestOf('b') } });
  expect(engine.pulls.map(({ reference }) => reference)).toEqual([byDigest]);
});

test('an image that came without a registry has its own id for a digest, and says so', async () => {
  known.set(tag, { ...inspected, RepoDigests: [] });

  const found = await imagesWith().release(tag);

  expect(found).toMatchObject({ ok: true, image: { digest: digestOf('1'), isFromRegistry: false } });
});

test('an image without a release in it is told by its labels', async () => {
  known.set(tag, { ...inspected, Config: { Labels: null } });

  const found = await imagesWith().release(tag);

  expect(found).toMatchObject({ ok: false, problem: expect.stringContaining('no release of refit') as string });
});

test('without the image and without a registry it is said how to do without', async () => {
  await expect(imagesWith().release(tag)).rejects.toThrow(Unreachable);
  await expect(imagesWith().release(tag)).rejects.toThrow(/docker load/);
});

test('what a registry does not have, and a pull that fails, are said in their own words', async () => {
  const unknown = new RegistryError('notFound', 'no such tag');

  expect(await imagesWith(() => Promise.reject(unknown)).release(tag)).toEqual({ ok: false, problem: 'no such tag' });
  engine.failNextPull('noSpace');
  expect(await imagesWith().release(byDigest)).toMatchObject({ ok: false });
  engine.failNextPull('notFound');
  expect(await imagesWith().pullAll([byDigest])).toContain('notFound');
  expect(await imagesWith().pullAll([byDigest])).toBeNull();
});

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { portOf } from '../parts/free-ports.ts';

/** A registry in this process that serves images from memory, and misbehaves on demand. */
export type FakeRegistry = AsyncDisposable & {
  /** `127.0.0.1:port`, which every engine takes without TLS. */
  readonly address: string;
  /** Adds an image of these tar layers and returns its reference by digest. */
  readonly add: (repository: string, layers: readonly Buffer[]) => string;
  /** How the blobs of layers are served from now on. */
  behave: (mode: RegistryMode) => void;
  readonly close: () => Promise<void>;
};

/**
 * good · dies: each layer's connection breaks after half of it · endless: a layer never ends · corrupt: a byte of each
 * layer differs · slow: a layer begins and stands still · missing: layers answer 404
 */
export type RegistryMode = 'good' | 'dies' | 'endless' | 'corrupt' | 'slow' | 'missing';

type Blob = { readonly type: string; readonly bytes: Buffer };

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const CONFIG = 'application/vnd.docker.container.image.v1+json';
const LAYER = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
/** What an endless layer sends at once; bytes. */
const CHUNK_BYTES = 256 * 1024;

export async function startFakeRegistry(): Promise<FakeRegistry> {
  const blobs = new Map<string, Blob>();
  let mode: RegistryMode = 'good';
  const server = createServer((request, response) => serve({ request, response, blobs, mode }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${portOf(server)}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    address,
    add: (repository, layers) => `${address}/${repository}@${addImage(blobs, layers)}`,
    behave: (next) => (mode = next),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function addImage(blobs: Map<string, Blob>, layers: readonly Buffer[]): string {
  const packed = layers.map((layer) => ({ digest: digestOf(layer), gzip: gzipSync(layer) }));
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: packed.map(({ digest }) => digest) },
  };
  const add = (type: string, bytes: Buffer): Readonly<Record<string, unknown>> => {
    const digest = digestOf(bytes);
    blobs.set(digest, { type, bytes });
    return { mediaType: type, digest, size: bytes.length };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: add(CONFIG, Buffer.from(JSON.stringify(config))),
    layers: packed.map(({ gzip }) => add(LAYER, gzip)),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  add(MANIFEST, bytes);
  return digestOf(bytes);
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly blobs: ReadonlyMap<string, Blob>;
  readonly mode: RegistryMode;
};

function serve({ request, response, blobs, mode }: Exchange): void {
  const digest = /sha256:[0-9a-f]{64}$/.exec(request.url ?? '')?.[0] ?? '';
  const blob = blobs.get(digest);
  if (request.url === '/v2/') {
    response.end('{}');
  } else if (blob === undefined || (mode === 'missing' && blob.type === LAYER)) {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
  } else if (blob.type !== LAYER || mode === 'good' || request.method === 'HEAD') {
    give({ request, response, blob, digest });
  } else misbehave(response, { ...blob, digest, mode });
}

type Given = Pick<Exchange, 'request' | 'response'> & { readonly blob: Blob; readonly digest: string };

/** An engine goes on where a broken connection ended: it asks for the rest. */
function give({ request, response, blob, digest }: Given): void {
  const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const bytes = blob.bytes.subarray(from);
  const range = `bytes ${from}-${blob.bytes.length - 1}/${blob.bytes.length}`;
  if (from === 0) response.writeHead(200, headers(blob, digest));
  else response.writeHead(206, { ...headers({ ...blob, bytes }, digest), 'content-range': range });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

const headers = (blob: Blob, digest: string): Record<string, string> => ({
  'content-type': blob.type,
  'content-length': String(blob.bytes.length),
  'docker-content-digest': digest,
});

type Misbehaviour = Blob & { readonly digest: string; readonly mode: RegistryMode };

function misbehave(response: ServerResponse, { mode, digest, ...blob }: Misbehaviour): void {
  const half = blob.bytes.subarray(0, Math.floor(blob.bytes.length / 2));
  if (mode === 'endless') {
    response.writeHead(200, { 'content-type': blob.type });
    const send = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(CHUNK_BYTES)));
    };
    response.on('drain', send);
    send();
  } else if (mode === 'corrupt') {
    const bytes = Buffer.from(blob.bytes);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 0xff, bytes.length - 9);
    response.writeHead(200, headers(blob, digest));
    response.end(bytes);
  } else {
    response.writeHead(200, headers(blob, digest));
    response.write(half, () => mode === 'dies' && response.destroy());
  }
}

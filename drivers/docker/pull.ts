import type { Readable } from 'node:stream';
import { z } from 'zod';
import {
  EngineError,
  type ImagePull,
  type PullFailure,
  type PullOutcome,
  type PullProgress,
} from '../../model/engine.ts';
import { inspectImage } from './containers.ts';
import type { EngineConnection } from './connection.ts';
import { readJsonLines } from './json-lines.ts';

/** What a registry's or engine's words mean; the first match counts. The engine says it in text only. */
const MEANINGS: readonly { readonly kind: PullFailure; readonly words: RegExp }[] = [
  { kind: 'noSpace', words: /no space left|disk quota exceeded/i },
  {
    kind: 'notFound',
    words: /manifest unknown|not found|does not exist|access denied|no matching manifest|name unknown|unauthorized/i,
  },
  {
    kind: 'corrupt',
    words:
      /verification failed|digest|unexpected EOF|invalid tar|gzip|archive\/tar|invalid checksum|unknown blob|unsupported/i,
  },
  {
    kind: 'unreachable',
    words:
      /connection refused|no such host|timeout|timed out|deadline exceeded|connection reset|EOF|no route|server misbehaving|50[0234]|TLS|certificate|http: server gave HTTP response/i,
  },
];

/**
 * Pulls by digest.
 *
 * 1. A failed pull answers 200 like a good one: every line is read for its error, and an inspect by digest has the last word.
 * 2. A missing image answers 404 at once instead.
 * 3. The engine takes whatever a registry sends, for as long as it sends: bytes and time are bounded here. Ending the
 *    request ends the engine's pull.
 */
export async function pullImage(connection: EngineConnection, pull: ImagePull): Promise<PullOutcome> {
  const deadline = performance.now() + pull.deadlineMs;
  try {
    if ((await inspectImage(connection, pull.reference, pull.signal)) !== null) return { outcome: 'alreadyThere' };
    const failure = await transfer(connection, pull, deadline);
    if (failure !== null) return failure;
    if ((await inspectImage(connection, pull.reference, pull.signal)) !== null) return { outcome: 'pulled' };
    return failed('corrupt', `${pull.reference} is not there after its pull`);
  } catch (error) {
    pull.signal?.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    const isLate = performance.now() >= deadline;
    return failed(error.kind === 'deadline' && !isLate ? 'unreachable' : kindOfError(error), error.message);
  }
}

const failed = (kind: PullFailure, message: string): Exclude<PullOutcome, { outcome: 'pulled' | 'alreadyThere' }> => ({
  outcome: 'failed',
  kind,
  message,
});

type Failed = ReturnType<typeof failed>;

async function transfer(connection: EngineConnection, pull: ImagePull, deadline: number): Promise<Failed | null> {
  const [repository, digest] = split(pull.reference);
  const body = await connection.open({
    what: `pull ${pull.reference}`,
    method: 'POST',
    path: '/images/create',
    query: { fromImage: repository, tag: digest },
    registryAuth: pull.registryAuth,
    withinMs: Math.max(1, deadline - performance.now()),
    signal: pull.signal,
  });
  return follow(body, pull, deadline);
}

/** Reads the pull's stream to its end, or ends it at the first thing that is wrong. */
async function follow(body: Readable, pull: ImagePull, deadline: number): Promise<Failed | null> {
  const layers = new Layers();
  let last = 'nothing';
  const late = (): Failed =>
    failed('deadline', `${pull.reference} not pulled within ${pull.deadlineMs} ms; last heard: ${last}`);
  const end = (): void => void body.destroy();
  const timer = setTimeout(end, Math.max(0, deadline - performance.now()));
  pull.signal?.addEventListener('abort', end, { once: true });
  if (pull.signal?.aborted === true) end();
  try {
    for await (const json of readJsonLines(body)) {
      const line = progressLine.parse(json);
      const error = line.errorDetail?.message ?? line.error;
      if (error !== undefined) return failed(kindOfText(error), `${pull.reference}: ${error}`);
      last = line.status ?? last;
      if (layers.note(line)) pull.onProgress?.(layers.sum());
      const { bytes } = layers.sum();
      if (bytes > pull.byteLimit) return failed('tooLarge', `${pull.reference} is larger than ${pull.byteLimit} bytes`);
    }
    return performance.now() >= deadline ? late() : null;
  } catch (error) {
    pull.signal?.throwIfAborted();
    if (performance.now() >= deadline) return late();
    return failed('unreachable', `${pull.reference}: the engine went away: ${String(error)}; last heard: ${last}`);
  } finally {
    clearTimeout(timer);
    pull.signal?.removeEventListener('abort', end);
    body.destroy();
  }
}

const progressLine = z.object({
  id: z.string().optional().catch(undefined),
  status: z.string().optional().catch(undefined),
  error: z.string().optional().catch('an error without text'),
  errorDetail: z.object({ message: z.string() }).optional().catch(undefined),
  progressDetail: z.object({ current: z.number(), total: z.number().optional() }).optional().catch(undefined),
});
type ProgressLine = z.infer<typeof progressLine>;

/** Downloaded and announced bytes of each layer. */
class Layers {
  readonly #layers = new Map<string, PullProgress>();

  /** Whether the line changed anything. */
  note({ id, status, progressDetail }: ProgressLine): boolean {
    if (id === undefined) return false;
    const known = this.#layers.get(id) ?? { bytes: 0, totalBytes: 0 };
    if (status === 'Downloading' && progressDetail !== undefined) {
      const { current, total = current } = progressDetail;
      this.#layers.set(id, { bytes: current, totalBytes: Math.max(total, current) });
      return true;
    }
    // Small layers come and go between two lines of progress.
    if (status !== 'Download complete') return false;
    this.#layers.set(id, { ...known, bytes: Math.max(known.bytes, known.totalBytes) });
    return true;
  }

  sum(): PullProgress {
    let bytes = 0;
    let totalBytes = 0;
    for (const layer of this.#layers.values()) {
      bytes += layer.bytes;
      totalBytes += layer.totalBytes;
    }
    return { bytes, totalBytes };
  }
}

export const kindOfText = (text: string): PullFailure =>
  MEANINGS.find(({ words }) => words.test(text))?.kind ?? 'refused';

function kindOfError({ kind, message }: EngineError): PullFailure {
  // The engine passes a registry's refusals on with status 500.
  if (kind === 'refused' || kind === 'conflict') return kindOfText(message);
  return kind;
}

function split(reference: string): readonly [repository: string, digest: string] {
  const at = reference.lastIndexOf('@');
  if (at > 0) return [reference.slice(0, at), reference.slice(at + 1)];
  throw new RangeError(`expected an image by digest such as registry.lab:5000/name@sha256:…, got "${reference}"`);
}

import type { Readable } from 'node:stream';
import { pause } from '../pause.ts';
import type { EngineConnection } from './connection.ts';
import { LogFrames } from './log-frames.ts';

/** Lines that an outcome carries: enough for the reason of a failure. */
const KEPT_LINES = 50;
/** Until the engine begins with a log; ms. */
const OPEN_MS = 10_000;
/** Longest that the rest of a finished container's log may take; ms. */
const DRAIN_MS = 10_000;
/** Between attempts to open a log again that broke off; ms. */
const REOPEN_MS = 500;

/** A job's output, each line told once, over as many connections as it takes. */
export class JobLog {
  readonly #connection: EngineConnection;
  readonly #container: string;
  readonly #onLine: (line: string) => void;
  readonly #kept: string[] = [];
  #told = 0;

  constructor(connection: EngineConnection, container: string, onLine: (line: string) => void) {
    this.#connection = connection;
    this.#container = container;
    this.#onLine = onLine;
  }

  get lastLines(): readonly string[] {
    return this.#kept;
  }

  /** Tells lines as they come until the signal fires. A log that ends says nothing of the container: it is opened again. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#read({ isFollowing: true, signal }).catch(() => undefined);
      await pause(REOPEN_MS, signal);
    }
  }

  /** Tells what is missing once the container has ended. */
  async drain(): Promise<void> {
    const signal = AbortSignal.timeout(DRAIN_MS);
    await this.#read({ isFollowing: false, signal }).catch(() => undefined);
  }

  async #read({ isFollowing, signal }: { readonly isFollowing: boolean; readonly signal: AbortSignal }): Promise<void> {
    const body = await this.#connection.open({
      what: `read the log of ${this.#container}`,
      method: 'GET',
      path: `/containers/${this.#container}/logs`,
      query: { stdout: 'true', stderr: 'true', follow: String(isFollowing) },
      withinMs: OPEN_MS,
      signal,
    });
    // The engine tells a log from its beginning and always in the same order, so counting says where to go on.
    let seen = 0;
    const frames = new LogFrames((line) => {
      seen += 1;
      if (seen > this.#told) this.#tell(line);
    });
    await readAll(body, frames, signal);
    if (!isFollowing) frames.end();
  }

  #tell(line: string): void {
    this.#told += 1;
    this.#kept.push(line);
    if (this.#kept.length > KEPT_LINES) this.#kept.shift();
    this.#onLine(line);
  }
}

async function readAll(body: Readable, frames: LogFrames, signal: AbortSignal): Promise<void> {
  const end = (): void => void body.destroy();
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    for await (const chunk of body) if (Buffer.isBuffer(chunk)) frames.add(chunk);
  } finally {
    signal.removeEventListener('abort', end);
    body.destroy();
  }
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import { PassThrough } from 'node:stream';
import { assert } from '../../../model/assert.ts';
import type { Watcher } from '../../watch.ts';
import type { App } from '../app.ts';
import { problemOf } from '../problem-answer.ts';

/** Streams of one process: each looks at what it follows several times a second. */
const MAX_STREAMS = 128;
/** Of one identity, so that none takes all. */
const MAX_STREAMS_OF_ONE = 16;
/** When somebody who got none may ask again; seconds. */
const RETRY_AFTER_S = 10;
/** Between two signs of life; ms. Proxies hang up after a minute of silence. */
const HEARTBEAT_MS = 15_000;
/** When a client that lost its stream is to open it again; ms. */
const RECONNECT_MS = 1_000;

/** What routes of streams say that they answer with. */
export const EVENT_STREAM = ['text/event-stream'];

const HEADERS = {
  'content-type': `${EVENT_STREAM[0]}; charset=utf-8`,
  'cache-control': 'no-store',
  // Proxies of nginx's kind hold back what comes in pieces.
  'x-accel-buffering': 'no',
} as const;

/** What a stream follows. */
export type Followed<Look> = {
  readonly watch: (watcher: Watcher<Look>, signal: AbortSignal) => Promise<Look | null>;
  readonly isOver: (look: Look) => boolean;
  /** One line of JSON. */
  readonly toText: (look: Look) => string;
};

/** Streams of server-sent events: of each the latest state, never what happened in between. */
export type Streams = {
  readonly open: <Look>(request: FastifyRequest, reply: FastifyReply, followed: Followed<Look>) => void;
};

/** All streams of one API. They end with it, and when their client goes away. */
export function createStreams(app: Pick<App, 'addHook'>): Streams {
  const closing = new AbortController();
  const open = new Map<string, number>();
  app.addHook('preClose', async () => {
    await Promise.resolve();
    closing.abort();
  });
  return {
    open: (request, reply, followed) => {
      const { identity } = request;
      assert(identity !== null, 'somebody asks');
      void reply.headers(HEADERS);
      // It asks for the head alone, which is all there.
      if (request.method === 'HEAD') return void reply.send('');
      const leave = enter(open, `${identity.by} ${identity.name}`);
      const stream = new PassThrough();
      const gone = new AbortController();
      stream.once('close', () => {
        gone.abort();
        leave();
      });
      follow(stream, followed, AbortSignal.any([closing.signal, gone.signal])).catch((error: unknown) => {
        request.log.error({ err: error }, 'stream failed');
        stream.end();
      });
      void reply.send(stream);
    },
  };
}

/** Takes a place, and gives what leaves it again. */
function enter(open: Map<string, number>, who: string): () => void {
  const own = open.get(who) ?? 0;
  const all = [...open.values()].reduce((sum, count) => sum + count, 0);
  if (own >= MAX_STREAMS_OF_ONE) throw tooMany(`${who} has ${own} streams open, which is the most`);
  if (all >= MAX_STREAMS) throw tooMany(`this API has ${all} streams open, which is the most`);
  open.set(who, own + 1);
  return () => {
    const left = (open.get(who) ?? 1) - 1;
    if (left === 0) open.delete(who);
    else open.set(who, left);
  };
}

const tooMany = (detail: string): Error =>
  problemOf(429, `${detail}; close one, or ask again in ${RETRY_AFTER_S} s`, {
    headers: { 'retry-after': String(RETRY_AFTER_S) },
  });

/** A client that reads slowly misses states in between, and gets the latest. */
async function follow<Look>(
  stream: PassThrough,
  { watch, isOver, toText }: Followed<Look>,
  signal: AbortSignal,
): Promise<void> {
  const level = levelWriter(stream);
  const heartbeat = setInterval(() => level.say('alive'), HEARTBEAT_MS);
  try {
    stream.write(`retry: ${RECONNECT_MS}\n\n`);
    const last = await watch(
      {
        onProgress: (look) => {
          level.set('progress', toText(look));
          return 'go on';
        },
        onTrouble: (message) => level.set('trouble', JSON.stringify({ message })),
      },
      signal,
    );
    if (last !== null && isOver(last)) level.end();
  } finally {
    clearInterval(heartbeat);
    stream.end();
  }
}

type LevelWriter = {
  /** trouble: what is followed can't be seen, until the next progress. */
  readonly set: (event: 'progress' | 'trouble', data: string) => void;
  readonly say: (comment: string) => void;
  readonly end: () => void;
};

function levelWriter(stream: PassThrough): LevelWriter {
  let last: string | null = null;
  let held: string | null = null;
  let isFull = false;
  const write = (text: string): void => {
    isFull = !stream.write(text);
  };
  stream.on('drain', () => {
    isFull = false;
    if (held === null) return;
    const text = held;
    held = null;
    write(text);
  });
  return {
    set: (event, data) => {
      const text = `event: ${event}\ndata: ${data}\n\n`;
      if (text === last) return;
      last = text;
      if (isFull) held = text;
      else write(text);
    },
    say: (comment) => {
      if (!isFull) write(`: ${comment}\n\n`);
    },
    end: () => {
      stream.write(`${held ?? ''}event: end\ndata: {}\n\n`);
      held = null;
    },
  };
}

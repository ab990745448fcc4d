import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineAccess } from '../../model/fleet.ts';

/**
 * In front of an engine's socket, for what is lost on the way. Counts the requests that change something; at the one that
 * `cutAt` names, everything ends: before it reached the engine, while the engine is at it, or after it has answered.
 */
export type EngineProxy = AsyncDisposable & {
  readonly access: EngineAccess;
  /** Changes that were asked for since the last `cutAt` or `count`, as `POST /containers/…/stop`. */
  readonly changes: () => readonly string[];
  /** `at` counts from 1. Afterwards nothing is let through until `mend`. */
  readonly cutAt: (at: number, when: Moment, onCut?: () => void) => void;
  /** Of the changes whose path matches, so many after the first `after` are refused, and do not reach the engine. */
  readonly refuse: (refusal: Refusal) => void;
  /** Whether the cut has happened. */
  readonly isCut: () => boolean;
  /** Lets everything through and counts from the beginning. */
  readonly mend: () => void;
  readonly close: () => Promise<void>;
};

export type Moment = 'before' | 'during' | 'after';
export type Refusal = {
  readonly path: RegExp;
  readonly after: number;
  readonly times: number;
  readonly message: string;
};
type Cut = { readonly at: number; readonly when: Moment; readonly onCut: () => void };

let opened = 0;

export async function startEngineProxy({ endpoint }: EngineAccess): Promise<EngineProxy> {
  const target = new URL(endpoint).pathname;
  opened += 1;
  const socketPath = join(tmpdir(), `refit-proxy-${process.pid}-${opened}.sock`);
  let changes: string[] = [];
  let cut: Cut | null = null;
  let refusal: Refusal | null = null;
  let matches = 0;
  let isCut = false;

  const server = createServer((asked, answer) => {
    const isChange = asked.method === 'POST' || asked.method === 'DELETE';
    if (isChange && !isCut) changes.push(`${asked.method ?? ''} ${(asked.url ?? '').replace(/\?.*/, '')}`);
    const due = isChange && !isCut && cut?.at === changes.length ? cut : null;
    if (due !== null) isCut = true;
    if (isCut && (due === null || due.when === 'before')) {
      due?.onCut();
      asked.socket.destroy();
      return;
    }
    if (isChange && refusal?.path.test(asked.url ?? '') === true) {
      matches += 1;
      if (matches > refusal.after && matches <= refusal.after + refusal.times) {
        asked.resume();
        answer.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ message: refusal.message }));
        return;
      }
    }
    forward(target, { asked, answer, cut: due });
  });
  await listen(server, socketPath);
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(socketPath, { force: true });
  };
  return {
    access: { endpoint: `unix://${socketPath}`, tls: null },
    changes: () => changes,
    cutAt: (at, when, onCut = () => undefined) => {
      changes = [];
      isCut = false;
      cut = { at, when, onCut };
    },
    refuse: (refused) => {
      refusal = refused;
      matches = 0;
    },
    isCut: () => isCut,
    mend: () => {
      changes = [];
      isCut = false;
      cut = null;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Forwarded = {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
  /** null: the answer is passed on; else it is lost. */
  readonly cut: Cut | null;
};

function forward(socketPath: string, { asked, answer, cut }: Forwarded): void {
  const { method, url, headers } = asked;
  const onward = request({ socketPath, method, path: url, headers, agent: false }, (reply) => {
    if (cut === null) {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
      return;
    }
    reply.resume().on('close', () => {
      if (cut.when === 'after') cut.onCut();
      asked.socket.destroy();
    });
  });
  onward.on('error', () => asked.socket.destroy());
  // The engine has it all by then, and works on it.
  onward.on('finish', () => {
    if (cut?.when === 'during') cut.onCut();
  });
  answer.on('close', () => {
    if (cut === null) onward.destroy();
  });
  asked.pipe(onward);
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });

import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineAccess } from '../../model/fleet.ts';

/**
 * In front of an engine's socket, for what is lost on the way. Counts the requests that change something; at the one that
 * `cutAt` names, everything ends: before it reached the engine, or after the engine has answered.
 */
export type EngineProxy = AsyncDisposable & {
  readonly access: EngineAccess;
  /** Changes that were asked for since the last `cutAt` or `count`, as `POST /containers/…/stop`. */
  readonly changes: () => readonly string[];
  /** `at` counts from 1. Afterwards nothing is let through until `mend`. */
  readonly cutAt: (at: number, when: 'before' | 'after', onCut?: () => void) => void;
  /** Whether the cut has happened. */
  readonly isCut: () => boolean;
  /** Lets everything through and counts from the beginning. */
  readonly mend: () => void;
  /** Called before each change reaches the engine. */
  readonly onChange: (listener: ((change: string) => void) | null) => void;
  readonly close: () => Promise<void>;
};

type Cut = { readonly at: number; readonly when: 'before' | 'after'; readonly onCut: () => void };

let opened = 0;

export async function startEngineProxy({ endpoint }: EngineAccess): Promise<EngineProxy> {
  const target = new URL(endpoint).pathname;
  opened += 1;
  const socketPath = join(tmpdir(), `refit-proxy-${process.pid}-${opened}.sock`);
  let changes: string[] = [];
  let cut: Cut | null = null;
  let isCut = false;
  let listener: ((change: string) => void) | null = null;

  const server = createServer((asked, answer) => {
    const isChange = asked.method === 'POST' || asked.method === 'DELETE';
    if (isChange && !isCut) {
      changes.push(`${asked.method ?? ''} ${(asked.url ?? '').replace(/\?.*/, '')}`);
      listener?.(changes.at(-1) ?? '');
    }
    const due = isChange && !isCut && cut?.at === changes.length ? cut : null;
    if (due !== null) isCut = true;
    if (isCut && due?.when !== 'after') {
      due?.onCut();
      asked.socket.destroy();
      return;
    }
    forward(target, { asked, answer, onAnswered: due === null ? null : due.onCut });
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
    isCut: () => isCut,
    mend: () => {
      changes = [];
      isCut = false;
      cut = null;
    },
    onChange: (one) => (listener = one),
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Forwarded = {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
  /** null: the answer is passed on; else it is lost, and this is called. */
  readonly onAnswered: (() => void) | null;
};

function forward(socketPath: string, { asked, answer, onAnswered }: Forwarded): void {
  const { method, url, headers } = asked;
  const onward = request({ socketPath, method, path: url, headers, agent: false }, (reply) => {
    if (onAnswered === null) {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
      return;
    }
    reply.resume().on('close', () => {
      onAnswered();
      asked.socket.destroy();
    });
  });
  onward.on('error', () => asked.socket.destroy());
  answer.on('close', () => {
    if (onAnswered === null) onward.destroy();
  });
  asked.pipe(onward);
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { portOf } from '../parts/free-ports.ts';

/** What the proxy does with the answer to a request; the answer is given to it whole. */
export type Lie = (
  request: { readonly method: string; readonly path: string; readonly authorization: string | null },
  answer: {
    readonly body: Buffer;
    readonly send: (body: Buffer, status?: number) => void;
    readonly response: ServerResponse;
  },
) => void;

export type LyingRegistry = AsyncDisposable & {
  readonly address: string;
  lie: (lie: Lie) => void;
  requests: () => readonly string[];
};

/** A proxy before a real registry that passes everything on truly until it is told a lie. */
export async function startLyingRegistry(target: string): Promise<LyingRegistry> {
  let lie: Lie = (_request, { body, send }) => send(body);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    forward({ request, response, target, lie }).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${portOf(server)}`,
    lie: (next) => (lie = next),
    requests: () => requests,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type Exchange = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: string;
  readonly lie: Lie;
};

async function forward({ request, response, target, lie }: Exchange): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
  const { method = 'GET', url: path = '/', headers } = request;
  const answer = await fetch(`http://${target}${path}`, {
    method,
    headers: { accept: headers.accept ?? '*/*', 'content-type': headers['content-type'] ?? 'application/octet-stream' },
    ...(chunks.length === 0 ? {} : { body: new Uint8Array(Buffer.concat(chunks)) }),
    redirect: 'manual',
  });
  const body = Buffer.from(await answer.arrayBuffer());
  const send = (sent: Buffer, status = answer.status): void => {
    for (const name of ['content-type', 'docker-content-digest']) {
      const value = answer.headers.get(name);
      if (value !== null) response.setHeader(name, value);
    }
    const location = answer.headers.get('location')?.replace(target, headers.host ?? '');
    if (location !== undefined) response.setHeader('location', location);
    response.writeHead(status).end(method === 'HEAD' ? undefined : sent);
  };
  lie({ method, path, authorization: headers.authorization ?? null }, { body, send, response });
}

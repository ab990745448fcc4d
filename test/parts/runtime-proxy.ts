import { connect, createServer, type Server, type Socket } from 'node:net';
import { portOf } from './free-ports.ts';

/** In front of HAProxy's runtime API, to strike at the very moment of a command. */
export type RuntimeProxy = AsyncDisposable & { readonly endpoint: string; readonly close: () => Promise<void> };

export type RuntimeHooks = {
  /** A command came, and HAProxy does not have it yet. false: it never gets it, and whoever asked gets no answer. */
  readonly before?: (command: string) => Promise<boolean> | boolean;
  /** HAProxy has answered, and whoever asked does not have the answer yet. */
  readonly after?: (command: string) => Promise<void> | void;
};

export async function startRuntimeProxy(endpoint: string, hooks: RuntimeHooks): Promise<RuntimeProxy> {
  const { hostname: host, port } = new URL(endpoint);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    pass(socket, { host, port: Number(port) }, hooks).catch(() => socket.destroy());
  });
  await listen(server);
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { endpoint: `tcp://127.0.0.1:${portOf(server)}`, close, [Symbol.asyncDispose]: close };
}

type Target = { readonly host: string; readonly port: number };

/** One command a connection, as HAProxy has it. */
async function pass(socket: Socket, target: Target, { before, after }: RuntimeHooks): Promise<void> {
  const command = await readLine(socket);
  if ((await before?.(command)) === false) return void socket.destroy();
  const answer = await askOnce(target, command);
  await after?.(command);
  socket.end(answer);
}

function readLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text.trimEnd());
    });
    socket.on('close', () => reject(new Error('closed before its command was whole')));
  });
}

function askOnce(target: Target, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(target, () => socket.write(`${command}\n`));
    socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
    socket.on('end', () => resolve(answer)).on('error', reject);
  });
}

const listen = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });

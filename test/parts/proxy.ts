import { connect, createServer, type Socket } from 'node:net';
import { portOf } from './free-ports.ts';

/** A plain TCP proxy in front of a part, for faults of the network. */
export type FaultProxy = AsyncDisposable & {
  readonly url: string;
  /** Sent by clients so far; bytes. */
  readonly received: () => number;
  /** What comes next from a client: passes · passes, and its answer and connection are lost · is lost with its connection. */
  cutNext: (when: 'afterRequest' | 'beforeRequest') => void;
  /** Nothing passes in either direction, and nothing says so. */
  freeze: () => void;
  thaw: () => void;
  /** The connections there are pass nothing any more; new ones work. */
  strand: () => void;
  /** Every connection breaks; new ones are taken. */
  reset: () => void;
  readonly close: () => Promise<void>;
};

type Pair = { readonly client: Socket; readonly server: Socket };

export async function startProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<Pair>();
  let cut: 'afterRequest' | 'beforeRequest' | null = null;
  let isFrozen = false;
  let received = 0;

  const breakPair = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.destroy();
    pair.server.destroy();
  };
  const fromClient = (pair: Pair, bytes: Buffer): void => {
    const due = cut;
    received += bytes.length;
    cut = null;
    if (due === 'beforeRequest') {
      breakPair(pair);
    } else if (due === 'afterRequest') {
      pair.server.removeAllListeners('data');
      // The answer comes, and is dropped with the connection.
      pair.server.once('data', () => breakPair(pair));
      pair.server.write(bytes);
    } else pair.server.write(bytes);
  };
  const server = createServer((client) => {
    const pair = { client, server: connect(Number(port), hostname) };
    pairs.add(pair);
    client.setNoDelay(true);
    pair.server.setNoDelay(true);
    client.on('data', (bytes) => fromClient(pair, bytes));
    pair.server.on('data', (bytes) => client.write(bytes));
    for (const socket of [client, pair.server]) {
      socket.on('error', () => breakPair(pair)).on('close', () => breakPair(pair));
      if (isFrozen) socket.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const each = (change: (socket: Socket) => void): void => {
    for (const pair of pairs) {
      change(pair.client);
      change(pair.server);
    }
  };
  const reset = (): void => [...pairs].forEach(breakPair);
  const close = async (): Promise<void> => {
    reset();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${portOf(server)}`,
    received: () => received,
    cutNext: (when) => (cut = when),
    freeze: () => {
      isFrozen = true;
      each((socket) => socket.pause());
    },
    thaw: () => {
      isFrozen = false;
      each((socket) => socket.resume());
    },
    strand: () => each((socket) => socket.pause()),
    reset,
    close,
    [Symbol.asyncDispose]: close,
  };
}

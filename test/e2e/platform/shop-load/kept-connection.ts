import { connect, type Socket } from 'node:net';
import { answered, REQUEST_TIMEOUT_MS, unanswered, type Answered } from './record.ts';

/** The end of an answer in chunks, as all of the shop's are. */
const LAST_CHUNK = '\r\n0\r\n\r\n';

export interface KeptConnection {
  /** One request at a time; over a new connection if the last one has ended. */
  ask(path: string): Promise<Answered>;
  close(): void;
}

/** A connection that is kept, by hand: Node's own client takes as much of a processor as HAProxy and the server together. */
export function keepConnection(url: string): KeptConnection {
  const { hostname, port } = new URL(url);
  let socket: Socket | null = null;
  let text = '';
  let settle: ((answer: Answered) => void) | null = null;
  const end = (answer: Answered): void => {
    text = '';
    settle?.(answer);
    settle = null;
  };
  const open = (): Socket => {
    const opened = connect({ host: hostname, port: Number(port), noDelay: true, timeout: REQUEST_TIMEOUT_MS });
    let problem = 'the connection ended';
    opened.setEncoding('latin1');
    opened.on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith(LAST_CHUNK)) end(answered(statusOf(text), text));
    });
    opened.on('timeout', () => opened.destroy(new Error('no answer in time')));
    opened.on('error', (error) => (problem = error.message));
    opened.on('close', () => {
      socket = null;
      // The load balancer closes after an error of its own.
      end(statusOf(text) >= 400 ? answered(statusOf(text), text) : unanswered(problem));
    });
    return opened;
  };
  return {
    ask: async (path) =>
      new Promise((resolve) => {
        settle = resolve;
        socket ??= open();
        socket.write(`GET ${path} HTTP/1.1\r\nhost: shop\r\n\r\n`);
      }),
    close: () => void socket?.destroy(),
  };
}

const statusOf = (text: string): number => Number(/^HTTP\/1\.\d (\d{3})/.exec(text)?.[1] ?? 0);

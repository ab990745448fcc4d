import { connect, type Socket } from 'node:net';
import { readMessage, writeCall, type BusArgument, type DbusMessage } from './dbus-message.ts';

/** Longest time for a call; ms. A reload of the service manager reads every unit. */
const CALL_MS = 60_000;
const CONNECT_MS = 5_000;
/** Largest answer that is read; bytes. Ours have a few hundred. */
const MAX_MESSAGE = 1024 ** 2;

export type DbusCall = {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly arguments?: readonly BusArgument[];
};

/** A connection to a D-Bus message bus: calls and their answers, and nothing else of it. */
export interface Dbus {
  /** Resolves with the strings of the answer's body. Throws with the bus's own error. */
  call(call: DbusCall): Promise<readonly string[]>;
  close(): void;
}

type Waiting = { readonly resolve: (message: DbusMessage) => void; readonly reject: (error: Error) => void };

/** Speaks as the process's own user, which the socket tells the bus. */
export async function connectDbus(socketPath: string): Promise<Dbus> {
  const socket = await open(socketPath);
  const waiting = new Map<number, Waiting>();
  let serial = 0;
  receive(socket, waiting);
  const call = async (what: DbusCall): Promise<readonly string[]> => {
    serial += 1;
    const answer = await exchange(socket, { waiting, serial, bytes: writeCall(serial, what), what });
    if (answer.type !== 'error') return answer.strings;
    throw new Error(`${what.member} at ${what.destination}: ${answer.errorName}: ${answer.strings.join(' ')}`);
  };
  const bus = { destination: 'org.freedesktop.DBus', path: '/org/freedesktop/DBus', interface: 'org.freedesktop.DBus' };
  await call({ ...bus, member: 'Hello' });
  return { call, close: () => socket.destroy() };
}

function open(socketPath: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.destroy();
      reject(new Error(`D-Bus at ${socketPath}: ${error.message}`, { cause: error }));
    };
    const socket = connect(socketPath);
    socket.setTimeout(CONNECT_MS, () => fail(new Error(`no answer within ${CONNECT_MS} ms`)));
    socket.once('error', fail);
    socket.once('connect', () => {
      const user = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
      socket.write(`\0AUTH EXTERNAL ${user}\r\n`);
    });
    socket.once('data', (line) => {
      if (!line.toString('latin1').startsWith('OK ')) {
        fail(new Error(`refused: ${line.toString('latin1').trim()}`));
        return;
      }
      socket.setTimeout(0);
      socket.off('error', fail);
      socket.write('BEGIN\r\n');
      resolve(socket);
    });
  });
}

function receive(socket: Socket, waiting: Map<number, Waiting>): void {
  let buffered = Buffer.alloc(0);
  const end = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
    socket.destroy();
  };
  socket.on('error', end);
  socket.on('close', () => end(new Error('D-Bus closed the connection')));
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk]);
    if (buffered.length > MAX_MESSAGE) {
      end(new Error(`D-Bus sent more than ${MAX_MESSAGE} bytes`));
      return;
    }
    for (let read = readMessage(buffered); read !== null; read = readMessage(buffered)) {
      buffered = buffered.subarray(read.sizeBytes);
      // Signals answer nothing.
      if (read.message.replyTo === null) continue;
      waiting.get(read.message.replyTo)?.resolve(read.message);
      waiting.delete(read.message.replyTo);
    }
  });
}

function exchange(
  socket: Socket,
  { waiting, serial, bytes, what }: { waiting: Map<number, Waiting>; serial: number; bytes: Buffer; what: DbusCall },
): Promise<DbusMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(serial);
      reject(new Error(`${what.member} at ${what.destination} was not answered within ${CALL_MS / 1000} s`));
    }, CALL_MS);
    const over =
      <Value>(settle: (value: Value) => void) =>
      (value: Value): void => {
        clearTimeout(timer);
        settle(value);
      };
    waiting.set(serial, { resolve: over(resolve), reject: over(reject) });
    socket.write(bytes);
  });
}

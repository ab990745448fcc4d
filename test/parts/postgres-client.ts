import { connect, type Socket } from 'node:net';

/** Longest until a server answers; ms. While its container is away nobody answers at all. */
const ANSWER_MS = 5_000;
/** Longest until a connection is there; ms. */
const CONNECT_MS = 250;
const PROTOCOL = 196_608;
/** A message's type and length. */
const HEADER_BYTES = 5;

/** One connection to a PostgreSQL server that trusts its network. An answer is the server's word that it is committed. */
export class PostgresClient {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #onMessage: ((type: string, body: Buffer) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
  }

  static async open(host: string, port: number): Promise<PostgresClient> {
    const socket = connect({ host, port, noDelay: true });
    const client = new PostgresClient(socket);
    await client.#within(CONNECT_MS, (resolve) => socket.once('connect', resolve));
    const words = Buffer.from('user\0postgres\0database\0postgres\0\0');
    const start = Buffer.alloc(8);
    start.writeInt32BE(start.length + words.length, 0);
    start.writeInt32BE(PROTOCOL, 4);
    await client.#exchange(Buffer.concat([start, words]));
    return client;
  }

  /** The first column of each row. */
  query(sql: string): Promise<readonly string[]> {
    const text = Buffer.from(`${sql}\0`);
    const head = Buffer.alloc(HEADER_BYTES);
    head.write('Q', 0);
    head.writeInt32BE(text.length + 4, 1);
    return this.#exchange(Buffer.concat([head, text]));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Until the server is ready for the next. */
  #exchange(request: Buffer): Promise<readonly string[]> {
    const rows: string[] = [];
    let problem: string | null = null;
    return this.#within(ANSWER_MS, (resolve, reject) => {
      this.#onMessage = (type, body) => {
        if (type === 'D') rows.push(body.toString('utf8', 6, 6 + body.readInt32BE(2)));
        if (type === 'E') problem = body.toString('utf8').replaceAll('\0', ' ');
        if (type === 'Z' && problem === null) resolve(rows);
        else if (type === 'Z' || type === 'E') reject(new Error(problem ?? 'no answer'));
      };
      this.#socket.write(request);
    });
  }

  /** Ends the connection when it fails: what it was asked last is unknown then. */
  async #within<Value>(
    ms: number,
    begin: (resolve: (value: Value) => void, reject: (error: Error) => void) => void,
  ): Promise<Value> {
    const ended = new AbortController();
    try {
      return await new Promise<Value>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
        ended.signal.addEventListener('abort', () => clearTimeout(timer));
        this.#socket.once('error', reject).once('close', () => reject(new Error('the connection was closed')));
        begin(resolve, reject);
      });
    } catch (error) {
      this.#socket.on('error', () => undefined).destroy();
      throw error;
    } finally {
      ended.abort();
      this.#socket.removeAllListeners('error').removeAllListeners('close');
      this.#socket.on('error', () => undefined);
    }
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= HEADER_BYTES) {
      const end = 1 + this.#bytes.readInt32BE(1);
      if (this.#bytes.length < end) return;
      const type = this.#bytes.toString('latin1', 0, 1);
      const body = this.#bytes.subarray(HEADER_BYTES, end);
      this.#bytes = this.#bytes.subarray(end);
      this.#onMessage?.(type, body);
    }
  }
}

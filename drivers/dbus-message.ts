import type { DbusCall } from './dbus.ts';

/** What refit passes to methods; `paths` is an array of strings. */
export type BusArgument =
  | { readonly type: 's'; readonly value: string }
  | { readonly type: 'b'; readonly value: boolean }
  | { readonly type: 'as'; readonly value: readonly string[] };

export type DbusMessage = {
  readonly type: 'return' | 'error' | 'other';
  readonly replyTo: number | null;
  readonly errorName: string;
  /** Strings and object paths at the beginning of the body, out of their variants; what follows them is left unread. */
  readonly strings: readonly string[];
};

const LITTLE_ENDIAN = 'l'.charCodeAt(0);
const PROTOCOL = 1;
const METHOD_CALL = 1;
const messageTypes: Readonly<Record<number, DbusMessage['type']>> = { 2: 'return', 3: 'error' };
/** Codes of header fields. */
const fields = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;
/** Size of the fixed part: order, type, flags, version, body's length, serial, fields' length. */
const FIXED_BYTES = 16;

/** A method call on the wire. */
export function writeCall(serial: number, call: DbusCall): Buffer {
  const args = call.arguments ?? [];
  const body = new Writer();
  for (const argument of args) writeArgument(body, argument);
  const header = new Writer();
  const field = (code: number, type: string, value: string): void => {
    header.align(8).byte(code).signature(type);
    if (type === 'g') header.signature(value);
    else header.string(value);
  };
  field(fields.path, 'o', call.path);
  field(fields.interface, 's', call.interface);
  field(fields.member, 's', call.member);
  field(fields.destination, 's', call.destination);
  if (args.length > 0) field(fields.signature, 'g', args.map(({ type }) => type).join(''));
  const fixed = new Writer().byte(LITTLE_ENDIAN).byte(METHOD_CALL).byte(0).byte(PROTOCOL);
  fixed.uint32(body.bytes().length).uint32(serial).uint32(header.bytes().length);
  return Buffer.concat([new Writer(Buffer.concat([fixed.bytes(), header.bytes()])).align(8).bytes(), body.bytes()]);
}

function writeArgument(body: Writer, argument: BusArgument): void {
  switch (argument.type) {
    case 's':
      body.string(argument.value);
      return;
    case 'b':
      body.uint32(argument.value ? 1 : 0);
      return;
    case 'as': {
      const items = new Writer();
      for (const item of argument.value) items.string(item);
      body.uint32(items.bytes().length).append(items.bytes());
    }
  }
}

/** The first whole message in what was received; null: more has to come. */
export function readMessage(bytes: Buffer): { readonly message: DbusMessage; readonly sizeBytes: number } | null {
  if (bytes.length < FIXED_BYTES) return null;
  if (bytes[0] !== LITTLE_ENDIAN)
    throw new Error('D-Bus answered in an order of bytes that this program does not read');
  const bodyBytes = bytes.readUInt32LE(4);
  const bodyAt = aligned(FIXED_BYTES + bytes.readUInt32LE(12), 8);
  const sizeBytes = bodyAt + bodyBytes;
  if (bytes.length < sizeBytes) return null;
  const header = readHeader(bytes);
  const strings = readStrings(bytes.subarray(bodyAt, sizeBytes), header.signature);
  const type = messageTypes[bytes[1] ?? 0] ?? 'other';
  return { message: { type, replyTo: header.replyTo, errorName: header.errorName, strings }, sizeBytes };
}

function readHeader(bytes: Buffer): { signature: string; replyTo: number | null; errorName: string } {
  const reader = new Reader(bytes, FIXED_BYTES);
  const end = FIXED_BYTES + bytes.readUInt32LE(12);
  const header = { signature: '', replyTo: null as number | null, errorName: '' };
  while (reader.at < end) {
    reader.align(8);
    const code = reader.byte();
    const type = reader.signature();
    if (type === 'u') {
      const value = reader.uint32();
      if (code === fields.replySerial) header.replyTo = value;
      continue;
    }
    const value = type === 'g' ? reader.signature() : reader.string();
    if (code === fields.signature) header.signature = value;
    if (code === fields.errorName) header.errorName = value;
  }
  return header;
}

function readStrings(body: Buffer, signature: string): readonly string[] {
  const reader = new Reader(body, 0);
  const strings: string[] = [];
  for (const type of signature) {
    const inner = type === 'v' ? reader.signature() : type;
    if (inner !== 's' && inner !== 'o') return strings;
    strings.push(reader.string());
  }
  return strings;
}

const aligned = (at: number, size: number): number => Math.ceil(at / size) * size;

/** Marshals values one after another; each is aligned to its own size, counted from the start. */
class Writer {
  readonly #parts: Buffer[] = [];
  #size = 0;

  constructor(bytes?: Buffer) {
    if (bytes !== undefined) this.append(bytes);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  append(bytes: Buffer): this {
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return this;
  }

  align(size: number): this {
    return this.append(Buffer.alloc(aligned(this.#size, size) - this.#size));
  }

  byte(value: number): this {
    return this.append(Buffer.from([value]));
  }

  uint32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return this.align(4).append(bytes);
  }

  string(value: string): this {
    const text = Buffer.from(value, 'utf8');
    return this.uint32(text.length).append(text).byte(0);
  }

  signature(value: string): this {
    return this.byte(value.length).append(Buffer.from(value, 'latin1')).byte(0);
  }
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  align(size: number): void {
    this.at = aligned(this.at, size);
  }

  byte(): number {
    this.at += 1;
    return this.#bytes.readUInt8(this.at - 1);
  }

  uint32(): number {
    this.align(4);
    this.at += 4;
    return this.#bytes.readUInt32LE(this.at - 4);
  }

  string(): string {
    return this.#text(this.uint32());
  }

  signature(): string {
    return this.#text(this.byte());
  }

  #text(length: number): string {
    const text = this.#bytes.toString('utf8', this.at, this.at + length);
    this.at += length + 1;
    return text;
  }
}

/** A frame's header: the stream's number, three zeros, the length of what follows. */
const HEADER_BYTES = 8;
/** The engine's frames have 64 kB at most; more is not a log. */
const MAX_FRAME_BYTES = 1024 * 1024;
/** Longest line that is kept; what is beyond it is cut off. Characters. */
const MAX_LINE_LENGTH = 16 * 1024;

/**
 * Takes the engine's framed log (stdout and stderr in one stream) apart into lines. Each stream has its own unfinished
 * line; a line counts when its end came.
 */
export class LogFrames {
  readonly #onLine: (line: string) => void;
  readonly #unfinished = new Map<number, string>();
  #bytes: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= HEADER_BYTES) {
      const length = this.#bytes.readUInt32BE(4);
      if (length > MAX_FRAME_BYTES) throw new Error(`expected a frame of a log, got one of ${length} bytes`);
      const end = HEADER_BYTES + length;
      if (this.#bytes.length < end) return;
      this.#addText(this.#bytes.readUInt8(0), this.#bytes.toString('utf8', HEADER_BYTES, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  /** The log has ended: what has no line end is a line as well. */
  end(): void {
    for (const line of this.#unfinished.values()) if (line !== '') this.#onLine(line);
    this.#unfinished.clear();
  }

  #addText(stream: number, text: string): void {
    const lines = ((this.#unfinished.get(stream) ?? '') + text).split('\n');
    this.#unfinished.set(stream, (lines.pop() ?? '').slice(0, MAX_LINE_LENGTH));
    for (const line of lines) this.#onLine(line.replace(/\r$/, '').slice(0, MAX_LINE_LENGTH));
  }
}

/** One event of a stream, as the HTML standard has them. */
export type ServerEvent = { readonly event: string; readonly data: string };

/** Largest event; characters. An upgrade of ten thousand hosts is some 3 million. */
const MAX_EVENT_LENGTH = 32 * 1024 ** 2;

/** The events of a text that comes in pieces; lines that begin with a colon are signs of life. */
export async function* readEvents(pieces: AsyncIterable<string>): AsyncGenerator<ServerEvent> {
  let rest = '';
  for await (const piece of pieces) {
    // A piece may end between the two characters of a line's end.
    const text = (rest + piece).replaceAll('\r\n', '\n');
    const blocks = text.split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > MAX_EVENT_LENGTH)
      throw new Error(`an event of the API has more than ${MAX_EVENT_LENGTH} characters`);
    for (const block of blocks) {
      const event = parseBlock(block);
      if (event !== null) yield event;
    }
  }
}

/** null: it has no data. */
function parseBlock(block: string): ServerEvent | null {
  const fields = block.split('\n').map(parseLine);
  const data = fields.filter(([name]) => name === 'data').map(([, value]) => value);
  const event = fields.find(([name]) => name === 'event')?.[1] ?? 'message';
  return data.length === 0 ? null : { event, data: data.join('\n') };
}

function parseLine(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}

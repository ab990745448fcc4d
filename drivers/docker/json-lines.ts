import type { Readable } from 'node:stream';

/** Longest line that is kept; characters. The engine's own are a few hundred. */
const MAX_LINE_LENGTH = 64 * 1024;

/** The JSON objects of a stream, one a line, the last one with or without its line end. Other lines are skipped. */
export async function* readJsonLines(body: Readable): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const line of readLines(body)) {
    const json = parseObject(line);
    if (json !== null) yield json;
  }
}

async function* readLines(body: Readable): AsyncGenerator<string> {
  let rest = '';
  body.setEncoding('utf8');
  for await (const chunk of body) {
    const lines = (rest + String(chunk)).split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE_LENGTH);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(line);
    return typeof json === 'object' && json !== null ? { ...json } : null;
  } catch {
    return null;
  }
}

import { EngineError } from '../../../model/engine.ts';
import { LogFrames } from '../log-frames.ts';
import type { ContainerLook } from './look.ts';
import type { Site } from './site.ts';

/** Lines of a container's log that are asked for, and characters of them that a reason carries. */
const LINES = 10;
const MAX_WORDS = 300;
/** Longest that the log may take: the reason is good without it; ms. */
const LOG_MS = 3_000;

/** How a container ended or failed to start, with the end of its log. One that runs again has no exit code of its last end. */
export async function lastWords(site: Site, look: ContainerLook): Promise<string> {
  if (look.status === 'running') return (await endOfLog(site, look)) || 'it said nothing';
  const cause = look.outOfMemory ? ', out of memory' : '';
  const ended = look.error === '' ? `exited with ${look.exitCode}${cause}` : `could not be started: ${cut(look.error)}`;
  const log = look.error === '' ? await endOfLog(site, look) : '';
  return log === '' ? ended : `${ended}: ${log}`;
}

async function endOfLog({ connection, signal }: Site, { id, name, hasTerminal }: ContainerLook): Promise<string> {
  const request = { what: `read the log of ${name}`, method: 'GET', path: `/containers/${id}/logs` } as const;
  const query = { stdout: 'true', stderr: 'true', tail: String(LINES) };
  try {
    const body = await connection.open({ ...request, query, withinMs: LOG_MS, signal });
    const timer = setTimeout(() => body.destroy(), LOG_MS);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of body) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
      return cut(textOf(Buffer.concat(chunks), hasTerminal));
    } finally {
      clearTimeout(timer);
      body.destroy();
    }
  } catch (error) {
    signal?.throwIfAborted();
    // Some log drivers can't be read, and a log that is cut off says nothing of the container.
    if (error instanceof Error && !(error instanceof EngineError && error.kind === 'unreachable')) return '';
    throw error;
  }
}

function textOf(bytes: Buffer, hasTerminal: boolean): string {
  if (hasTerminal) return bytes.toString('utf8');
  const lines: string[] = [];
  const frames = new LogFrames((line) => lines.push(line));
  frames.add(bytes);
  frames.end();
  return lines.join('\n');
}

export function cut(text: string): string {
  const words = text.trim().replaceAll(/\s*\n\s*/g, ' | ');
  return words.length <= MAX_WORDS ? words : `…${words.slice(-MAX_WORDS)}`;
}

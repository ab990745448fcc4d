import { z } from 'zod';
import type { Command } from '../../../model/release.ts';
import { readId } from '../answers.ts';
import { LogFrames } from '../log-frames.ts';
import { cut } from './last-words.ts';
import { ASK_MS, type Site } from './site.ts';

/** Longest run of a probe's command; ms. */
const EXEC_MS = 5_000;
/** Most lines of its output that are kept. */
const MAX_LINES = 20;

/** Runs a command in the container. null: it exited with 0; else what it did instead. One that hangs is left behind: an engine can't end it. */
export async function execIn(site: Site, id: string, command: Command): Promise<string | null> {
  const { connection, signal } = site;
  const name = command.join(' ');
  const body = { Cmd: [...command], AttachStdout: true, AttachStderr: true, Tty: false };
  const asked = { what: `run ${name} in ${site.container}`, withinMs: ASK_MS, signal } as const;
  const exec = readId(await connection.ask({ ...asked, method: 'POST', path: `/containers/${id}/exec`, body }));
  const output = await follow(site, { ...asked, exec });
  if (output === null) return `${name} did not end within ${EXEC_MS} ms`;
  const answer = await connection.ask({ ...asked, method: 'GET', path: `/exec/${exec}/json` });
  const { ExitCode } = z.object({ ExitCode: z.number().nullable() }).parse(answer);
  return ExitCode === 0 ? null : `${name} exited with ${ExitCode ?? 'no code'}: ${cut(output)}`;
}

/** Its output when it ended; null: it did not in time. */
async function follow(
  { connection, signal }: Site,
  { exec, what }: { readonly exec: string; readonly what: string },
): Promise<string | null> {
  const path = `/exec/${exec}/start`;
  const body = { Detach: false, Tty: false };
  const stream = await connection.open({ what, method: 'POST', path, body, withinMs: ASK_MS, signal });
  const lines: string[] = [];
  const frames = new LogFrames((line) => {
    if (lines.length < MAX_LINES) lines.push(line);
  });
  const late = AbortSignal.timeout(EXEC_MS);
  const end = (): void => void stream.destroy();
  late.addEventListener('abort', end, { once: true });
  signal?.addEventListener('abort', end, { once: true });
  try {
    for await (const chunk of stream) if (Buffer.isBuffer(chunk)) frames.add(chunk);
  } catch (error) {
    signal?.throwIfAborted();
    if (!late.aborted) throw error;
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
  frames.end();
  return late.aborted ? null : lines.join('\n');
}

import { z } from 'zod';
import type { EngineConnection } from '../../../drivers/docker/connection.ts';
import { LogFrames } from '../../../drivers/docker/log-frames.ts';
import { get, post } from '../replacing/images.ts';

/** Longest that a command in a container takes; ms. */
const EXEC_MS = 30_000;
/** Digits of a network's id in its bridge's name, and of a container's among its aliases. */
const SHORT_DIGITS = 12;

const created = z.object({ Id: z.string() });
const inspected = z.object({
  Id: z.string(),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.object({ Aliases: z.array(z.string()).nullish() })) }),
});
const networks = z.array(z.object({ Id: z.string(), Name: z.string(), Driver: z.string() }));

/** What a command says in a container that runs. */
export async function outputOf(
  connection: EngineConnection,
  { container, command }: { readonly container: string; readonly command: readonly string[] },
): Promise<string> {
  const body = { Cmd: [...command], AttachStdout: true, AttachStderr: true };
  const { Id: exec } = created.parse(await post(connection, `/containers/${container}/exec`, { body }));
  const request = { what: command.join(' '), method: 'POST', path: `/exec/${exec}/start` } as const;
  const stream = await connection.open({ ...request, body: { Detach: false, Tty: false }, withinMs: EXEC_MS });
  const lines: string[] = [];
  const frames = new LogFrames((line) => lines.push(line));
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) frames.add(chunk);
  frames.end();
  return lines.join('\n');
}

/** Without the one that the engine adds; null: it is not connected. */
export async function aliasesOf(
  connection: EngineConnection,
  container: string,
  network: string,
): Promise<readonly string[] | null> {
  const { Id: id, NetworkSettings } = inspected.parse(await get(connection, `/containers/${container}/json`));
  const endpoint = NetworkSettings.Networks[network];
  if (endpoint === undefined) return null;
  return (endpoint.Aliases ?? []).filter((alias) => alias !== id.slice(0, SHORT_DIGITS)).sort();
}

/** Of the networks that were made, or of that name: they outlive their engine. */
export async function bridgesOf(connection: EngineConnection, name?: string): Promise<readonly string[]> {
  const found = networks.parse(await get(connection, '/networks'));
  const made = found.filter((one) => (name === undefined ? one.Name !== 'bridge' : one.Name === name));
  return made
    .filter(({ Driver: driver }) => driver === 'bridge')
    .map(({ Id: id }) => `br-${id.slice(0, SHORT_DIGITS)}`);
}

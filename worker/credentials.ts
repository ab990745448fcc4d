import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const Credentials = z.object({ username: z.string(), password: z.string() });

/** Read at each pull and given to the engine; it is in no history, no log and no message. */
export async function readCredentials(file: string): Promise<{ readonly username: string; readonly password: string }> {
  const parsed = Credentials.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${file}: expected JSON with "username" and "password"`);
}

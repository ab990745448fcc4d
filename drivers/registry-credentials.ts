import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Fleet } from '../model/fleet.ts';
import { parseReference } from './oci/reference.ts';

const Credentials = z.object({ username: z.string(), password: z.string() });

/**
 * What an engine needs to pull from the image's registry; null: nothing. Read at each pull and given to the engine; it is
 * in no history, no log and no message.
 */
export async function registryCredentials(
  registries: Fleet['registries'],
  image: string,
): Promise<{ readonly username: string; readonly password: string } | null> {
  const file = registries[parseReference(image).registry]?.credentialsFile ?? null;
  if (file === null) return null;
  const parsed = Credentials.safeParse(JSON.parse(await readFile(file, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new Error(`${file}: expected JSON with "username" and "password"`);
}

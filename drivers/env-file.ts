import { readFile, stat } from 'node:fs/promises';

/** Far more than a process may be given. */
const MAX_BYTES = 1024 ** 2;

const NAME = /^[^\s=]+$/;

/**
 * Lines `NAME=value`; the value is all that follows, quotes included, and the last of two with one name counts. Lines
 * that are empty or begin with # say nothing. Values are secrets: no message quotes them.
 */
export async function readEnvFile(file: string): Promise<Readonly<Record<string, string>>> {
  const lines = (await readText(file)).split(/\r?\n/);
  return Object.fromEntries(
    lines.flatMap((line, index) => {
      const text = line.trimStart();
      if (text === '' || text.startsWith('#')) return [];
      const end = text.indexOf('=');
      const name = text.slice(0, Math.max(end, 0));
      if (!NAME.test(name))
        throw new Error(`${file}:${index + 1}: expected NAME=value, or a comment that begins with #`);
      return [[name, text.slice(end + 1)]];
    }),
  );
}

async function readText(file: string): Promise<string> {
  try {
    const found = await stat(file);
    if (!found.isFile()) throw new Error('it is no file');
    if (found.size > MAX_BYTES) throw new Error(`it has ${found.size} bytes, at most ${MAX_BYTES} are read`);
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the worker can't read the environment file ${file}: ${why}`, { cause });
  }
}

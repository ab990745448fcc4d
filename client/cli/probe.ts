import { InvalidArgumentError } from 'commander';
import type { ContainerProbe } from '../../model/replacement.ts';

const EXPECTED = 'Expected http://host:port/path, tcp://host:port, or exec:COMMAND';

/** `http://10.0.0.5:8080/health`, `tcp://10.0.0.5:5432`, `exec:pg_isready -U app`, `exec:["sh","-c","test -e /ready"]`. */
export function parseProbe(text: string): ContainerProbe {
  if (text.startsWith('exec:')) return { type: 'exec', command: parseCommand(text.slice('exec:'.length)) };
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') {
    return { type: 'http', url: text, status: 200, contains: null };
  }
  const isBare = url?.protocol === 'tcp:' && (url.pathname === '' || url.pathname === '/');
  if (!isBare || url.hostname === '' || url.port === '') throw new InvalidArgumentError(`${EXPECTED}.`);
  return { type: 'tcp', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port) };
}

/** Words between spaces, or a JSON list where a word has a space of its own. */
function parseCommand(text: string): readonly string[] {
  const words = text.trimStart().startsWith('[') ? parseWords(text) : text.split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) throw new InvalidArgumentError(`${EXPECTED}.`);
  return words;
}

function parseWords(text: string): readonly string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((word): word is string => typeof word === 'string')) return value;
  } catch {
    // Not JSON: answered as any other text that can't be read.
  }
  throw new InvalidArgumentError(`${EXPECTED} such as exec:["sh","-c","test -e /ready"].`);
}

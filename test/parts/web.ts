import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill } from '../../lab/sample/template.ts';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart, type Part } from './process.ts';

/** The sample's web server as a process of its own, on loopback. */
export type TestWeb = AsyncDisposable & {
  readonly version: string;
  readonly port: number;
  readonly url: string;
  readonly part: Part;
  /** Exit code of the image's own health check. */
  readonly check: () => Promise<number>;
  readonly close: () => Promise<void>;
};

/** Longest until it answers; ms. */
const READY_MS = 15_000;

const SOURCE = join(import.meta.dirname, '../../lab/sample/web/web.mjs');

export async function startWeb(
  version: string,
  { sick = false, env = {} }: { readonly sick?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<TestWeb> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-web-'));
  const script = join(folder, 'web.mjs');
  await writeFile(script, fill(await readFile(SOURCE, 'utf8'), { VERSION: version, SICK: sick ? '1' : '0' }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const launch = { program: process.execPath, logFile: join(folder, 'log'), env: { ...env, PORT: String(port) } };
  const part = startPart({ ...launch, args: [script] });
  const close = async (): Promise<void> => {
    await part.kill();
    await rm(folder, { recursive: true, force: true });
  };
  await eventually(async () => (await fetch(url)).ok, { withinMs: READY_MS, everyMs: 20 }).catch(
    async (error: unknown) => {
      await close();
      throw new Error(`the web server does not answer: ${String(error)}`, { cause: error });
    },
  );
  const check = async (): Promise<number> => {
    const run = startPart({ ...launch, args: [script, 'check'] });
    await eventually(() => run.hasEnded());
    return run.exitCode() ?? -1;
  };
  return { version, port, url, part, check, close, [Symbol.asyncDispose]: close };
}

import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fill } from '../../lab/sample/template.ts';
import type { ShopFault, ShopScript } from '../../lab/sample/shop-images.ts';
import { eventually } from '../eventually.ts';
import { freePort } from './free-ports.ts';
import { startPart, type Part } from './process.ts';

/** The scripts of the unit `shop` as processes of their own, on loopback: as its images have them. */
export type TestShop = AsyncDisposable & {
  /** A server; `address` is `127.0.0.1:port`. */
  readonly serve: (name: 'web' | 'api', env?: Env) => Promise<{ readonly address: string; readonly part: Part }>;
  /** One that ends by itself, or a server's own check. */
  readonly run: (
    name: ShopScript,
    options?: { readonly env?: Env; readonly args?: readonly string[] },
  ) => Promise<{ readonly exitCode: number; readonly output: string }>;
};
type Env = Readonly<Record<string, string>>;

const SOURCE = join(import.meta.dirname, '../../lab/sample/shop');
const PLACE = /@(VERSION|FAULT)@/;

export async function openShop(version: string, fault: ShopFault = { kind: 'none' }): Promise<TestShop> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-shop-'));
  await layScripts(folder, { VERSION: version, FAULT: JSON.stringify(fault) });
  const parts: Part[] = [];
  const start = (
    name: ShopScript,
    { env = {}, args = [] }: { readonly env?: Env; readonly args?: readonly string[] },
  ): Part => {
    const logFile = join(folder, `log-${parts.length}`);
    const part = startPart({ program: process.execPath, args: [script(folder, name), ...args], logFile, env });
    parts.push(part);
    return part;
  };
  return {
    async serve(name, env = {}) {
      const port = await freePort();
      const part = start(name, { env: { ...env, PORT: String(port) } });
      const address = `127.0.0.1:${port}`;
      await eventually(async () => {
        if (part.hasEnded()) throw new Error(`shop-${name} has ended: ${part.tail()}`);
        return (await fetch(`http://${address}/`)).status > 0;
      });
      return { address, part };
    },
    async run(name, options = {}) {
      const part = start(name, options);
      await eventually(() => part.hasEnded());
      return { exitCode: part.exitCode() ?? -1, output: part.tail() };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(parts.map(async (part) => part.kill()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const script = (folder: string, name: ShopScript): string => join(folder, `shop-${name}.mjs`);

async function layScripts(folder: string, values: Readonly<Record<string, string>>): Promise<void> {
  // The ledger lies beside them for what they share.
  const names = (await readdir(SOURCE)).filter((name) => name.endsWith('.mjs') && name !== 'ledger.mjs');
  await Promise.all(
    names.map(async (name) => {
      const text = await readFile(join(SOURCE, name), 'utf8');
      if (PLACE.test(text)) await writeFile(join(folder, name), fill(text, values));
      else await copyFile(join(SOURCE, name), join(folder, name));
    }),
  );
}

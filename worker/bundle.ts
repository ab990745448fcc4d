import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** What the bundle is made of; the lock file stands for the SDK. A type-only import brings nothing into it. */
const SOURCES = ['workflows', 'model'] as const;
const LOCK_FILE = 'package-lock.json';

const checkout = resolve(import.meta.dirname, '..');

/**
 * Path of the bundled workflow code, bundled only if its sources have changed since: a worker starts a second earlier. The
 * upgrader's image has it ready.
 */
export async function bundleWorkflows(folder = bundleFolder()): Promise<{ readonly codePath: string }> {
  const ready = process.env['REFIT_WORKFLOWS'] ?? '';
  if (ready !== '') return { codePath: ready };
  const codePath = join(folder, `${await sourcesKey()}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({
    workflowsPath: join(checkout, 'workflows', 'index.ts'),
    // The bundler tells a page about each of its runs.
    logger: new DefaultLogger('WARN'),
  });
  await mkdir(folder, { recursive: true });
  // Two workers may start at once: each renames a whole file.
  const partial = `${codePath}.${process.pid}.partial`;
  await writeFile(partial, code);
  await rename(partial, codePath);
  return { codePath };
}

/** Outside the checkout, so that a fresh clone of the same sources has it too. */
function bundleFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env['REFIT_CACHE'] ?? '';
  const shared = env['XDG_CACHE_HOME'] ?? '';
  return resolve(own === '' ? join(shared === '' ? join(homedir(), '.cache') : shared, 'refit') : own, 'bundles');
}

async function sourcesKey(): Promise<string> {
  const hash = createHash('sha256').update(process.version);
  for (const folder of SOURCES) {
    const names = await readdir(join(checkout, folder), { recursive: true });
    for (const name of names.filter((one) => one.endsWith('.ts')).sort()) {
      hash.update(`\0${folder}/${name}\0`).update(await readFile(join(checkout, folder, name)));
    }
  }
  return hash
    .update(await readFile(join(checkout, LOCK_FILE)))
    .digest('hex')
    .slice(0, 32);
}

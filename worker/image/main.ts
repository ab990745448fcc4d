import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { buildUpgrader } from '../../drivers/upgrader/image.ts';
import type { ProgramSources } from '../../drivers/upgrader/programs.ts';
import { bundleWorkflows } from '../bundle.ts';
import { withoutMachine } from './source-map.ts';

const checkout = resolve(import.meta.dirname, '..', '..');

/** The programs of the image. */
const programs: ProgramSources = {
  upgrader: 'worker/upgrader/main.ts',
  health: 'client/health/main.ts',
  worker: 'worker/main.ts',
  replay: 'worker/replay/main.ts',
  refit: 'client/cli/main.ts',
};

/** Builds the upgrader's image from this checkout, and prints it as JSON. FOLDER: the OCI layout's. */
async function main(layout: string | undefined): Promise<void> {
  if (layout === undefined) throw new Error('expected the folder of the OCI layout');
  const work = await mkdtemp(join(tmpdir(), 'refit-upgrader-'));
  try {
    const { codePath } = await bundleWorkflows();
    const built = await buildUpgrader(
      {
        checkout,
        programs,
        workflows: Buffer.from(withoutMachine(await readFile(codePath, 'utf8'))),
        corpus: join(checkout, 'test', 'histories'),
        version: await packageVersion(),
      },
      { layout: resolve(layout), work },
    );
    process.stdout.write(`${JSON.stringify(built)}\n`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function packageVersion(): Promise<string> {
  const json: unknown = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8'));
  return z.object({ version: z.string() }).parse(json).version;
}

await main(process.argv[2]);

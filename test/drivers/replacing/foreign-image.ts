import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import Docker from 'dockerode';
import { z } from 'zod';
import { call } from '../../../lab/programs.ts';
import type { EngineAccess } from '../../../model/fleet.ts';

const manifest = z.array(z.looseObject({ Config: z.string(), RepoTags: z.array(z.string()).nullish() })).length(1);

/** Loads the image once more, as one that says it is for another processor. */
export async function loadForeign(
  { endpoint }: EngineAccess,
  image: { readonly from: string; readonly name: string; readonly architecture: string },
): Promise<void> {
  const docker = new Docker({ socketPath: new URL(endpoint).pathname });
  const folder = await mkdtemp(join(tmpdir(), 'refit-foreign-'));
  const archive = `${folder}/image.tar`;
  try {
    await pipeline(await docker.getImage(image.from).get(), createWriteStream(archive));
    await call('tar', ['-C', folder, '-xf', archive]);
    const [entry] = manifest.parse(JSON.parse(await readFile(`${folder}/manifest.json`, 'utf8')));
    if (entry === undefined) throw new Error(`${image.from} is no image`);
    const config = z.looseObject({}).parse(JSON.parse(await readFile(join(folder, entry.Config), 'utf8')));
    await writeFile(`${folder}/foreign.json`, JSON.stringify({ ...config, architecture: image.architecture }));
    await writeFile(
      `${folder}/manifest.json`,
      JSON.stringify([{ ...entry, Config: 'foreign.json', RepoTags: [image.name] }]),
    );
    await rm(archive);
    await call('tar', ['-C', folder, '-cf', archive, '--exclude', './image.tar', '.']);
    const loading = await docker.loadImage(createReadStream(archive));
    // Loaded when the stream has ended.
    for await (const _ of loading);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import type { Release } from '../../model/release.ts';
import { folderWith } from './folder.ts';
import { manifestProblems } from './unit-manifest.ts';

type Fields = Readonly<Record<string, unknown>>;

export const digest = (character: string): string => `sha256:${character.repeat(64)}`;

/** A chain that leads from 3.4.2 to 4.2.0; fields laid over the release of 4.2.0. */
export const releaseFields = (fields: Fields = {}): Fields => ({
  ...{ name: 'shop', version: '4.2.0', host: { steps: [] }, upgradesFrom: ['>=4.1.1 <4.2.0'] },
  chain: [
    { version: '4.0.1', digest: digest('a'), upgradesFrom: ['>=3.4.2 <4.0.1'] },
    { version: '4.1.1', digest: digest('b'), upgradesFrom: ['>=4.0.1 <4.1.1'] },
  ],
  ...fields,
});

/** YAML reads JSON too; a field a line, so that places are told apart. */
export const manifestOf = (fields: Fields): string =>
  Object.entries(releaseFields(fields))
    .map(([field, value]) => `${field}: ${JSON.stringify(value)}\n`)
    .join('');

export async function readFields(fields: Fields = {}): Promise<Release> {
  await using folder = await folderWith({ 'release.yaml': manifestOf(fields) });
  return toRelease(await readReleaseFolder(folder.path));
}

/** Without the places. */
export async function problemsOf(fields: Fields): Promise<readonly string[]> {
  const problems = await manifestProblems(manifestOf(fields));
  return problems.map((problem) => problem.replace(/^release\.yaml:\d+:\d+: /, ''));
}

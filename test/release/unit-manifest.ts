import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { ReleaseProblems } from '../../drivers/release/release-problems.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import type { UnitRelease } from '../../model/unit.ts';
import { folderWith } from './folder.ts';

export const IMAGE = `registry.lab:5000/web@sha256:${'a'.repeat(64)}`;

type Fields = Readonly<Record<string, unknown>>;

/** A service that stands in both slots, with these fields laid over. */
export const service = (name: string, fields: Fields = {}): Fields => ({ name, image: IMAGE, ...fields });
export const database = service('db', { shared: true, port: { inside: 5432, host: 25432 } });
export const web = service('web', { port: { inside: 8080, blue: 20080, green: 20180 } });
export const job = (name: string, fields: Fields = {}): Fields => ({ name, image: IMAGE, ...fields });

/** YAML reads JSON too. */
export const unitManifest = (...units: readonly Fields[]): string =>
  `name: a\nversion: 1.0.0\nhost: { steps: [] }\nunits: ${JSON.stringify(units)}\n`;

export const unitOf = (fields: Fields): Fields => ({ name: 'shop', services: [database, web], ...fields });

export async function readUnit(fields: Fields): Promise<UnitRelease> {
  await using folder = await folderWith({ 'release.yaml': unitManifest(unitOf(fields)) });
  const [unit] = toRelease(await readReleaseFolder(folder.path)).units;
  if (unit === undefined) throw new Error('expected a unit');
  return unit;
}

/** What is wrong with a manifest, in full. */
export async function manifestProblems(text: string): Promise<readonly string[]> {
  await using folder = await folderWith({ 'release.yaml': text });
  const error: unknown = await readReleaseFolder(folder.path).then(
    () => new Error('expected problems, got none'),
    (reason: unknown) => reason,
  );
  if (error instanceof ReleaseProblems) return error.problems;
  throw error;
}

/** The same of a unit, without the places: it stands in one line. */
export async function problemsOf(fields: Fields): Promise<readonly string[]> {
  const problems = await manifestProblems(unitManifest(unitOf(fields)));
  return problems.map((problem) => problem.replace(/^release\.yaml:\d+:\d+: /, ''));
}

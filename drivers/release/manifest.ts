import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatPath, itemPaths, parseYaml, schemaProblems, type Problem } from '../yaml-document.ts';
import { ofEitherForm } from './either-form.ts';
import { jumpProblems } from './jump-problems.ts';
import { kernelProblems } from './kernel-problems.ts';
import { Manifest } from './manifest-schema.ts';
import { migrationProblems } from './migration-problems.ts';
import { namedFiles } from './named-files.ts';
import { readPayload, type Payload } from './payload.ts';
import { ReleaseProblems } from './release-problems.ts';
import { repeated, textsAt } from './repeated.ts';
import { unitProblems } from './unit-problems.ts';

/** A release's folder, read and found to be right. */
export type ReleaseSource = {
  readonly manifest: Manifest;
  /** release.yaml as it stands. */
  readonly text: string;
  readonly payload: Payload;
};

export const MANIFEST_FILE = 'release.yaml';

/** Throws ReleaseProblems with everything that is wrong, in the file's order. */
export async function readReleaseFolder(folder: string): Promise<ReleaseSource> {
  const text = await readManifestText(folder);
  const document = parseYaml(text);
  if (document.faults.length > 0) throw new ReleaseProblems(MANIFEST_FILE, document.faults);
  const parsed = Manifest.safeParse(document.value);
  const named = namedFiles(document.value);
  const payload = await readPayload(folder, named);
  const issues = parsed.success ? [] : parsed.error.issues.flatMap(ofEitherForm);
  const malformed = schemaProblems(issues, document.value);
  const problems = [
    ...malformed,
    ...twice(document.value),
    ...jumpProblems(document.value),
    ...migrationProblems(document.value),
    ...unitProblems(document.value),
    ...kernelProblems(document.value, parsed.success ? parsed.data : null),
    // A path that is none was said once already.
    ...payload.problems.filter(({ path }) => !malformed.some((other) => isSamePath(other.path, path))),
  ];
  if (!parsed.success || problems.length > 0) {
    throw new ReleaseProblems(MANIFEST_FILE, problems.map(document.describe));
  }
  return { manifest: parsed.data, text, payload };
}

const isSamePath = (left: Problem['path'], right: Problem['path']): boolean => formatPath(left) === formatPath(right);

async function readManifestText(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, MANIFEST_FILE), 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new ReleaseProblems(MANIFEST_FILE, [`1:1: expected the folder ${folder} to hold it, got ${code}`]);
  }
}

/** Names and targets stand once in a release: a name is an address, and a later file would undo an earlier. */
function twice(value: unknown): readonly Problem[] {
  const steps = itemPaths(value, ['host', 'steps']);
  const targets = steps.flatMap((step) => itemPaths(value, [...step, 'files']).map((file) => [...file, 'to']));
  const services = itemPaths(value, ['services']).map((service) => [...service, 'name']);
  return [steps.map((step) => [...step, 'id']), targets, services].flatMap((paths) => repeated(textsAt(value, paths)));
}

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { AgentBundle } from '../../drivers/release/build.ts';

/** A folder that is gone when the test is over. */
export type TestFolder = AsyncDisposable & { readonly path: string };

/** A folder with these files; values are their contents. */
export async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'refit-test-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** An agent that says its arguments: what the images under test are about is not what the agent does. */
export const smallAgent = (): Promise<AgentBundle> =>
  Promise.resolve({
    version: '0.0.0+small',
    files: new Map([['agent/agent.cjs', Buffer.from('console.log(JSON.stringify(process.argv.slice(2)));')]]),
  });

/** A release of one file, with other fields laid over. */
export const smallManifest = (version = '1.0.0'): string => `name: sample
version: ${version}
host:
  steps:
    - id: config
      type: files
      files:
        - { from: files/app.conf, to: /etc/sample/app.conf }
`;

export const smallRelease = (version?: string): Promise<TestFolder> =>
  folderWith({ 'release.yaml': smallManifest(version), 'files/app.conf': 'hello\n', 'notes.txt': 'not named' });

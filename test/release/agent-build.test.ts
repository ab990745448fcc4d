import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { buildAgent } from '../../agent/build.ts';
import type { AgentBundle } from '../../drivers/release/build.ts';
import { root } from '../tidy/source.ts';
import { folderWith, type TestFolder } from './folder.ts';

/** Loads what the agent loads: etcd's client reads its protocol at start, the engine's brings ssh2 with native parts. */
const ENTRY = `
import { Etcd3 } from '${join(root, 'node_modules/etcd3/lib/index.js')}';
import Docker from '${join(root, 'node_modules/dockerode/lib/docker.js')}';
declare const REFIT_AGENT_VERSION: string;
const client = new Etcd3({ hosts: 'http://127.0.0.1:1' });
client.close();
new Docker({ socketPath: '/nowhere' });
process.stdout.write(REFIT_AGENT_VERSION);
`;

describe('the agent’s bundle', () => {
  test('runs where there is no node_modules, and knows its version', async () => {
    await using source = await folderWith({ 'main.ts': ENTRY });
    const bundle = await buildAgent(join(source.path, 'main.ts'));
    await using host = await unpack(bundle);

    const { stdout } = await execa('node', [join(host.path, 'agent/agent.cjs')]);

    expect(stdout).toBe(bundle.version);
    expect(bundle.version).toMatch(/^\d+\.\d+\.\d+\+[0-9a-f]{12}$/);
  });

  test('is the same every time, and has another version for another script', async () => {
    await using source = await folderWith({ 'a.ts': 'console.log(1);', 'b.ts': 'console.log(2);' });

    const [first, again, other] = await Promise.all(
      ['a.ts', 'a.ts', 'b.ts'].map((name) => buildAgent(join(source.path, name))),
    );

    expect(again).toEqual(first);
    expect(other?.version).not.toBe(first?.version);
  });

  test('is made of the agent itself', async () => {
    const bundle = await buildAgent();
    await using host = await unpack(bundle);

    const { stdout } = await execa('node', [join(host.path, 'agent/agent.cjs'), 'version']);

    expect(stdout).toContain(bundle.version);
  });
});

const unpack = ({ files }: AgentBundle): Promise<TestFolder> => folderWith(Object.fromEntries(files));

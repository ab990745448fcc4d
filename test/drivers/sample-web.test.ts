import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publishWeb } from '../../lab/sample/web-image.ts';
import type { Fleet } from '../../model/fleet.ts';
import { eventually } from '../eventually.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { startRegistry, type TestRegistry } from '../parts/registry.ts';

let engine: TestEngine;
let registry: TestRegistry;
let registries: Fleet['registries'];

beforeAll(async () => {
  [engine, registry] = await Promise.all([startEngine(), startRegistry()]);
  registries = { 'registry.lab:5000': { endpoint: registry.url, credentialsFile: null } };
});

afterAll(() => Promise.all([engine.close(), registry.close()]));

describe('the image of the web server', () => {
  test('is published by digest, and its own check says that it is healthy', async () => {
    const reference = await publishWeb({ version: '1.0.0', registries });

    expect(reference).toMatch(/^registry\.lab:5000\/sample-web@sha256:[0-9a-f]{64}$/);
    await run('well', reference);
    await eventually(async () => expect(await health('well')).toBe('healthy'));
  });

  test('built sick it runs, and its own check says that it is not healthy', async () => {
    await run('sick', await publishWeb({ version: '1.0.1', sick: true, registries }));

    await eventually(async () => expect(await health('sick')).toBe('unhealthy'));
    expect(await docker(['inspect', '--format', '{{.State.Running}}', 'sick'])).toBe('true');
  });
});

const docker = async (args: readonly string[]): Promise<string> =>
  (await execa('docker', ['--host', engine.access.endpoint, ...args])).stdout;

/** The engine of the test knows the registry by its address on loopback alone. */
async function run(name: string, reference: string): Promise<void> {
  const image = reference.replace('registry.lab:5000', registry.address);
  await docker(['run', '--detach', '--name', name, image]);
}

const health = async (name: string): Promise<string> =>
  docker(['inspect', '--format', '{{.State.Health.Status}}', name]);

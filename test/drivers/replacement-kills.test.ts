import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import { sampleOfNumbers } from '../nightly.ts';
import { startEngineProxy, type EngineProxy } from '../parts/engine-proxy.ts';
import { wish } from './replacing/wish.ts';
import { startWorld, type World } from './replacing/world.ts';

/** More changes than a replacement makes. */
const MAX_POINTS = 20;
/** Of so many changes one is tried in the ordinary run: odd, since every other kill is before a change, not during it. */
const APART = 5;

describe('a replacement survives', () => {
  let world: World;
  let proxy: EngineProxy;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'refit-killed-'));
    await build({
      entryPoints: [join(import.meta.dirname, 'killed-replacement/main.ts')],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: join(folder, 'program.cjs'),
      logLevel: 'silent',
      // Native parts of what is imported and never used here.
      external: ['cpu-features', '*.node'],
    });
    world = await startWorld();
    proxy = await startEngineProxy(world.started.access);
  });
  afterAll(async () => {
    await proxy.close();
    await world.started.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function expectOneRuns(name: string, point: string): Promise<void> {
    const all = await world.of(name);
    expect(all.filter(({ running }) => running).length, point).toBeLessThanOrEqual(1);
  }

  async function expectReplaced(name: string, before: string, point: string): Promise<void> {
    expect(await world.engine.replaceContainer(wish(name)), point).toMatchObject({
      outcome: 'replaced',
      previous: { id: before },
    });
    expect(await world.of(name), point).toEqual([{ name, running: true, image: 'new:1' }]);
    expect(await world.inspect(name), point).toMatchObject({ restartPolicy: 'always' });
  }

  test('kill -9 of its process at every change: the same call elsewhere finishes it', async () => {
    for (const at of sampleOfNumbers('changes at which a process is killed', MAX_POINTS, APART)) {
      const name = `killed-${at}`;
      const before = await world.run(name, { host: { RestartPolicy: { Name: 'always' } } });
      const when = at % 2 === 0 ? 'before' : 'during';
      const child = spawn(process.execPath, [join(folder, 'program.cjs'), proxy.access.endpoint, name], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const said: string[] = [];
      child.stdout.on('data', (chunk) => said.push(String(chunk)));
      proxy.cutAt(at, when, () => child.kill('SIGKILL'));
      await once(child, 'close');
      const point = `killed ${when} change ${at} (${proxy.changes().at(-1) ?? ''})`;

      if (!proxy.isCut()) {
        expect(said.join(''), point).toBe('replaced');
        expect(at).toBeGreaterThan(8);
        return;
      }
      expect(child.signalCode, point).toBe('SIGKILL');
      proxy.mend();
      await expectOneRuns(name, point);
      await expectReplaced(name, before, point);
    }
    throw new Error(`more than ${MAX_POINTS} changes`);
  });

  test('kill -9 of the engine at every change: the same call finishes it, or the old one runs as before', async () => {
    const cut = createEngine(proxy.access, 'host-1');
    for (const at of sampleOfNumbers('changes at which the engine is killed', MAX_POINTS, APART)) {
      const name = `engine-${at}`;
      const before = await world.run(name, { host: { RestartPolicy: { Name: 'always' } } });
      let killing: Promise<void> = Promise.resolve();
      proxy.cutAt(at, 'during', () => {
        killing = world.started.kill();
      });
      const ended = await cut.replaceContainer(wish(name)).then(
        ({ outcome }) => outcome,
        () => 'broken off',
      );
      const point = `engine killed at change ${at} (${proxy.changes().at(-1) ?? ''})`;
      if (!proxy.isCut()) {
        expect(ended, point).toBe('replaced');
        expect(at).toBeGreaterThan(8);
        return;
      }
      expect(ended, point).toBe('broken off');
      await killing;
      await world.started.start();
      proxy.mend();
      await expectOneRuns(name, point);

      const outcome = await world.engine.replaceContainer(wish(name));
      const isBack = outcome.outcome === 'putBack';
      expect(['replaced', 'putBack'], `${point}: ${JSON.stringify(outcome)}`).toContain(outcome.outcome);
      expect(await world.of(name), point).toEqual([{ name, running: true, image: isBack ? 'old:1' : 'new:1' }]);
      if (isBack) expect(await world.inspect(name), point).toMatchObject({ id: before, restartPolicy: 'always' });
    }
    throw new Error(`more than ${MAX_POINTS} changes`);
  });
});

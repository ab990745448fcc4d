import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostStep, MemberStep } from '../../agent/host-work.ts';
import { placesUnder } from '../../agent/places.ts';
import type { HostSteps, Json, StepPlace } from '../../agent/ports.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import { parseHostId, parseServiceId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { ContainerStep } from '../../model/release.ts';
import { releaseOf } from '../agent/states.ts';
import { including, matching } from '../matching.ts';
import { sample } from '../nightly.ts';
import { startEngineProxy, type EngineProxy } from '../parts/engine-proxy.ts';
import { startWorld, type World } from './replacing/world.ts';

/** More changes than a replacement or its way back makes. */
const MAX_CHANGES = 20;

let world: World;
let proxy: EngineProxy;
let folder: string;
let steps: HostSteps;
beforeAll(async () => {
  world = await startWorld();
  proxy = await startEngineProxy(world.started.access);
  folder = mkdtempSync(join(tmpdir(), 'refit-agent-steps-'));
  steps = createHostSteps(placesUnder(folder), createEngine(proxy.access, 'host-1'));
});
afterAll(async () => {
  await proxy.close();
  await world.started.close();
  rmSync(folder, { recursive: true, force: true });
});

const place = (before: Json = null, signal = new AbortController().signal): StepPlace => ({
  ...{ host: parseHostId('host-1'), release: releaseOf('2'), upgrade: parseUpgradeId('upgrade-1'), was: null },
  ...{ edited: null, journal: 'j', index: 0, before, signal },
});
const stated = (name: string): ContainerStep => ({
  ...{ id: parseStepId('web'), type: 'container', name, image: 'new:1', base: 'stated', network: 'none' },
  ...{ command: [], env: { LEVEL: 'debug' }, ports: [], volumes: [], restart: 'always', timeoutMs: 20_000 },
});
const member = (name: string): MemberStep => ({
  ...{ id: parseStepId('member-1'), type: 'member', service: parseServiceId('web'), name, image: 'new:1' },
  settings: { env: { LEVEL: 'debug' } },
  health: { minHealthyTimeMs: 0, deadlineMs: 20_000, probe: null },
});
const onFailure = { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } };

/** What has to be the same afterwards, under the same id. */
async function readAll(name: string): Promise<unknown> {
  const { id, running, raw } = await world.inspect(name);
  return { id, running, config: raw['Config'], host: raw['HostConfig'], mounts: raw['Mounts'] };
}

async function goThereAndBack(step: HostStep, between: () => Promise<void>): Promise<void> {
  expect(await steps.check(step, place())).toBe(false);
  const before = await steps.capture(step, place());
  await steps.apply(step, place(before));
  expect(await steps.check(step, place(before))).toBe(true);
  expect(await steps.verify(step, place(before))).toMatchObject({ problem: null });
  // Killed before its record was written: done, and undone, once more.
  await steps.apply(step, place(before));
  await between();
  await steps.undo(step, place(before));
  await steps.undo(step, place(before));
}

describe('on a real engine', () => {
  test('a container that was not there runs, and goes again', async () => {
    await goThereAndBack(stated('none'), async () => {
      expect(await world.of('none')).toEqual([{ name: 'none', running: true, image: 'new:1' }]);
      expect(await world.inspect('none')).toMatchObject({ restartPolicy: 'always' });
    });

    expect(await world.of('none')).toEqual([]);
  });

  test('a container that the release states takes the place of another, which comes back as it was', async () => {
    await world.run('infra', { host: onFailure });
    const before = await readAll('infra');

    await goThereAndBack(stated('infra'), async () => {
      expect(await world.of('infra')).toContainEqual({ name: 'infra', running: true, image: 'new:1' });
      const { labels } = await world.inspect('infra');
      expect(labels).toMatchObject({ 'dev.refit.upgrade': 'upgrade-1', 'dev.refit.step': 'web' });
    });

    expect(await readAll('infra')).toEqual(before);
    expect(await world.of('infra')).toHaveLength(1);
  });

  test('a stopped container that the release states runs afterwards, and is stopped on the way back', async () => {
    await world.run('stopped', { host: onFailure, isStarted: false });
    const before = await readAll('stopped');

    await goThereAndBack(stated('stopped'), async () => {
      expect(await world.inspect('stopped')).toMatchObject({ running: true, restartPolicy: 'always' });
    });

    expect(await readAll('stopped')).toEqual(before);
  });

  test('a member keeps what was set on it, and comes back as it was', async () => {
    await world.run('kept', { config: { Env: ['SITE=lab'], Labels: { 'dev.refit.service': 'web' } }, host: onFailure });
    const before = await readAll('kept');

    await goThereAndBack(member('kept'), async () => {
      const { labels, restartPolicy, raw } = await world.inspect('kept');
      expect(labels).toMatchObject({ 'dev.refit.service': 'web', version: 'new' });
      expect(restartPolicy).toBe('on-failure');
      expect(raw['Config']).toMatchObject({ Env: including(['SITE=lab', 'LEVEL=debug']) });
    });

    expect(await readAll('kept')).toEqual(before);
    expect(await world.of('kept')).toHaveLength(1);
  });

  test('a member whose new image does not run is put back at once, and the failure says why', async () => {
    const id = await world.run('doomed');
    const { health, ...asked } = member('doomed');
    const settings = { command: ['echo no such luck; exit 7'] };
    const step = { ...asked, settings, health: { ...health, minHealthyTimeMs: 1_000 } };
    const before = await steps.capture(step, place());

    await expect(steps.apply(step, place(before))).rejects.toThrow(/exit(ed with| code) 7/);

    expect(await world.of('doomed')).toEqual([{ name: 'doomed', running: true, image: 'old:1' }]);
    expect((await world.inspect('doomed')).id).toBe(id);
  });

  test('only a member of the service is found fit, whatever an order names', async () => {
    await world.run('other', { config: { Labels: { 'dev.refit.service': 'dns' } } });

    expect(await steps.probe(member('other'), place())).toMatchObject({
      ok: false,
      evidence: matching(/is one of dns/),
    });
    expect(await steps.probe(member('nobody'), place())).toMatchObject({ ok: false });
  });
});

/** Ends the call at its n-th change, as a kill would, and lets the next one through. Answers whether it was cut. */
async function cutOff(
  at: number,
  when: 'before' | 'after',
  call: (signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  const killed = new AbortController();
  proxy.cutAt(at, when, () => killed.abort(new Error('killed')));
  await call(killed.signal).catch(() => undefined);
  const isCut = proxy.isCut();
  proxy.mend();
  return isCut;
}

describe('cut off at every change of the engine, before it and after it', () => {
  test.each(sample('sides of a change', ['before', 'after'] as const, 1))(
    '%s: an upgrade is undone to the same container',
    async (when) => {
      const name = `undone-${when}`;
      await world.run(name, { host: onFailure });
      const step = member(name);
      const was = await readAll(name);
      const before = await steps.capture(step, place());
      for (let at = 1; at <= MAX_CHANGES; at += 1) {
        const isCut = await cutOff(at, when, (signal) => steps.apply(step, place(before, signal)));

        await steps.undo(step, place(before));

        expect(await readAll(name), `change ${at}`).toEqual(was);
        expect(await world.of(name), `change ${at}`).toHaveLength(1);
        if (!isCut) {
          expect(at).toBeGreaterThan(6);
          return;
        }
      }
      throw new Error(`more than ${MAX_CHANGES} changes`);
    },
  );

  test('an upgrade is gone on with, and a way back as well', async () => {
    await world.run('again', { host: onFailure });
    const step = member('again');
    const was = await readAll('again');
    const before = await steps.capture(step, place());
    for (let at = 1; at <= MAX_CHANGES; at += 1) {
      const isApplyCut = await cutOff(at, 'after', (signal) => steps.apply(step, place(before, signal)));
      await steps.apply(step, place(before));
      expect(await steps.check(step, place(before)), `change ${at}`).toBe(true);

      const isUndoCut = await cutOff(at, 'after', (signal) => steps.undo(step, place(before, signal)));
      await steps.undo(step, place(before));
      expect(await readAll('again'), `change ${at} of the way back`).toEqual(was);
      expect(await world.of('again')).toHaveLength(1);
      if (!isApplyCut && !isUndoCut) return;
    }
    throw new Error(`more than ${MAX_CHANGES} changes`);
  });
});

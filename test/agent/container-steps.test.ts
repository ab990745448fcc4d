import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HostStep, MemberStep } from '../../agent/host-work.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { HostSteps, Json, StepPlace } from '../../agent/ports.ts';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { parseServiceId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { ContainerStep } from '../../model/release.ts';
import { keptName } from '../../model/replacement.ts';
import { FakeEngine } from './fake-engine.ts';
import { releaseOf } from './states.ts';
import { me, write } from './test-host.ts';

let folder: string;
let places: Places;
let engine: FakeEngine;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-container-steps-'));
  places = placesUnder(folder);
  engine = new FakeEngine();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const place = (before: Json = null): StepPlace => ({
  ...{ host: me, release: releaseOf('2'), upgrade: parseUpgradeId('up-1'), was: null, edited: null },
  ...{ journal: 'j', index: 0, before },
  signal: new AbortController().signal,
});
const image = `registry.lab:5000/dns@sha256:${'d'.repeat(64)}`;
const step: ContainerStep = {
  id: parseStepId('dns'),
  type: 'container',
  name: 'dns',
  image,
  command: [],
  env: { ZONE: 'lab' },
  ports: ['53:53/udp'],
  volumes: [],
  network: 'bridge',
  restart: 'always',
  base: 'stated',
  timeoutMs: 5_000,
};
const member: MemberStep = {
  id: parseStepId('member-1'),
  type: 'member',
  service: parseServiceId('dns'),
  name: 'dns',
  image,
  settings: { env: { LEVEL: 'debug' } },
  health: { minHealthyTimeMs: 100, deadlineMs: 5_000, probe: null },
};

/** The container that is there before; running unless said. */
async function createOld({ isRunning = true, labels = {} } = {}): Promise<string> {
  const { id } = await engine.createContainer({ ...step, image: 'registry.lab:5000/dns:1', labels });
  if (isRunning) await engine.startContainer(id);
  return id;
}

/** A step's whole way, there and back. */
async function goThereAndBack(steps: HostSteps, done: HostStep, between: () => void = () => undefined): Promise<void> {
  expect(await steps.check(done, place())).toBe(false);
  const before = await steps.capture(done, place());
  await steps.apply(done, place(before));
  expect(await steps.check(done, place(before))).toBe(true);
  expect((await steps.verify(done, place(before))).problem).toBeNull();
  between();
  await steps.undo(done, place(before));
  // Killed before its record was written: undone once more.
  await steps.undo(done, place(before));
  await steps.settle(done, place(before));
}

test('a new container runs, and goes again', async () => {
  await goThereAndBack(createHostSteps(places, engine), step, () => {
    expect(engine.names()).toEqual(['dns running always']);
  });

  expect(engine.names()).toEqual([]);
});

test('the old container is kept stopped, and runs again as the same one', async () => {
  const id = await createOld();

  await goThereAndBack(createHostSteps(places, engine), step, () => {
    expect(engine.names()).toEqual([
      'dns running always',
      expect.stringMatching(/^dns\.refit-kept-[0-9a-f]{8} exited no$/),
    ]);
  });

  expect(engine.names()).toEqual(['dns running always']);
  expect((await engine.inspectContainer('dns'))?.id).toBe(id);
});

test('killed at every call in turn, the same call goes on where it ended', async () => {
  for (let call = 1; call <= 12; call += 1) {
    engine = new FakeEngine();
    const id = await createOld();
    const steps = createHostSteps(places, engine);
    const before = await steps.capture(step, place());

    engine.failCall(call);
    await steps.apply(step, place(before)).catch(() => undefined);
    engine.failCall(0);
    await steps.apply(step, place(before));

    expect(engine.names(), `killed at call ${call}`).toEqual([
      'dns running always',
      expect.stringMatching(/^dns\.refit-kept-[0-9a-f]{8} exited no$/),
    ]);
    engine.failCall(call);
    await steps.undo(step, place(before)).catch(() => undefined);
    engine.failCall(0);
    await steps.undo(step, place(before));
    expect(engine.names(), `undo killed at call ${call}`).toEqual(['dns running always']);
    expect((await engine.inspectContainer('dns'))?.id).toBe(id);
  }
});

test('two upgrades of a container are undone one after the other', async () => {
  const steps = createHostSteps(places, engine);
  const id = await createOld();
  const second = { ...step, env: { ZONE: 'other' } };
  for (const journal of ['j1', 'j2', 'j3']) write(join(places.journal, `${journal}.jsonl`), '');
  const first = { ...place(), journal: 'j1' };
  const before = await steps.capture(step, first);
  await steps.apply(step, { ...first, before });
  const beforeSecond = await steps.capture(second, { ...place(), journal: 'j2' });
  await steps.apply(second, { ...place(beforeSecond), journal: 'j2' });

  await steps.undo(second, { ...place(beforeSecond), journal: 'j2' });
  expect(await steps.check(step, { ...first, before })).toBe(true);
  await steps.undo(step, { ...first, before });

  expect(engine.names()).toEqual(['dns running always']);
  expect((await engine.inspectContainer('dns'))?.id).toBe(id);
});

test('a kept container goes when its upgrade is no longer kept', async () => {
  const steps = createHostSteps(places, engine);
  await createOld();
  const before = await steps.capture(step, { ...place(), journal: 'j1' });
  await steps.apply(step, { ...place(before), journal: 'j1' });
  expect(engine.names()).toHaveLength(2);

  await steps.capture({ ...step, env: {} }, { ...place(), journal: 'j9' });

  expect(engine.names()).toEqual(['dns running always']);
});

test('a container that dies at once is a failure that says so', async () => {
  engine.diesAtOnce = true;
  const steps = createHostSteps(places, engine);
  const before = await steps.capture(step, place());

  await expect(steps.apply(step, place(before))).rejects.toThrow('container dns did not stay up: exited, exit code 1');
});

test('an engine that is away for a moment is waited for', async () => {
  engine.awayFor = 2;
  expect(await createHostSteps(places, engine).check(step, place())).toBe(false);
});

test('a missing image is what a probe says', async () => {
  engine.images.clear();

  expect(await createHostSteps(places, engine).probe(step, place())).toMatchObject({ ok: false });
});

test('a step that is killed for good half-way is undone to the same container, at every call', async () => {
  for (const asked of [step, member]) {
    for (let call = 1; call <= 12; call += 1) {
      engine = new FakeEngine();
      const id = await createOld();
      const steps = createHostSteps(places, engine);
      const before = await steps.capture(asked, place());
      engine.failCall(call);
      await steps.apply(asked, place(before)).catch(() => undefined);
      engine.failCall(0);

      await steps.undo(asked, place(before));

      expect(engine.names(), `${asked.type} killed at call ${call}`).toEqual(['dns running always']);
      expect(engine.find('dns')?.id).toBe(id);
    }
  }
});

test('a container is not there before the old one is put away', async () => {
  await createOld();
  const steps = createHostSteps(places, engine);
  const before = await steps.capture(step, place());
  engine.failCall(7);
  await steps.apply(step, place(before)).catch(() => undefined);
  engine.failCall(0);
  expect(engine.names()).toContainEqual(expect.stringMatching(/^dns\.refit-old-/));
  expect(engine.find('dns')).toMatchObject({ status: 'running', image });

  expect(await steps.check(step, place(before))).toBe(false);
});

test('a stopped container that the release states runs afterwards, and is stopped again on the way back', async () => {
  const id = await createOld({ isRunning: false });

  await goThereAndBack(createHostSteps(places, engine), step, () => {
    expect(engine.find('dns')).toMatchObject({ status: 'running', image });
  });

  expect(engine.find('dns')).toMatchObject({ id, restartPolicy: 'always' });
  expect(engine.find('dns')?.status).not.toBe('running');
});

test('a container that is replaced over what was set on it keeps that', async () => {
  await createOld({ labels: { owner: 'me' } });
  const kept: ContainerStep = { ...step, base: 'kept', env: { LEVEL: 'debug' }, restart: 'no' };

  await goThereAndBack(createHostSteps(places, engine), kept, () => {
    const env = { ZONE: 'lab', LEVEL: 'debug' };
    expect(engine.find('dns')).toMatchObject({ image, env, restartPolicy: 'always' });
    expect(engine.find('dns')?.labels).toMatchObject({ owner: 'me' });
  });
});

test('a container of an earlier version of the agent is taken for another, and comes back', async () => {
  const id = await createOld({ labels: { 'dev.refit.config': 'f'.repeat(64), 'dev.refit.upgrade': 'up-0' } });

  await goThereAndBack(createHostSteps(places, engine), step);

  expect(engine.find('dns')?.id).toBe(id);
});

test('what an earlier version of the agent put aside under its own name comes back by its id', async () => {
  const id = await createOld();
  await engine.stopContainer(id);
  await engine.setRestartPolicy(id, 'no');
  await engine.renameContainer(id, 'dns.refit-old-01234567');
  await createOld({ labels: { 'dev.refit.config': 'f'.repeat(64) } });

  const before = { container: { id, running: true, restartPolicy: 'always' } };
  await createHostSteps(places, engine).undo(step, place(before));

  expect(engine.names()).toEqual(['dns running always']);
  expect(engine.find('dns')?.id).toBe(id);
});

test('a way back whose container is gone leaves what runs', async () => {
  await createOld();
  const steps = createHostSteps(places, engine);
  const before = await steps.capture(step, place());
  await steps.apply(step, place(before));
  await engine.discardKept('dns', null);

  await expect(steps.undo(step, place(before))).rejects.toThrow(/the container dns from before \(.*\) is gone/);

  expect(engine.names()).toEqual(['dns running always']);
});

test('a container that came back and is replaced again is kept for the later upgrade', async () => {
  const id = await createOld();
  const steps = createHostSteps(places, engine);
  const first = { ...place(), journal: 'j1' };
  write(join(places.journal, 'j1.jsonl'), '');
  const before = await steps.capture(step, first);
  await steps.apply(step, { ...first, before });
  await steps.undo(step, { ...first, before });
  rmSync(join(places.journal, 'j1.jsonl'));

  const second = await steps.capture(step, { ...place(), journal: 'j2' });
  await steps.apply(step, { ...place(second), journal: 'j2' });

  expect(engine.find(keptName('dns', id))?.id).toBe(id);
});

describe('a member', () => {
  test('is upgraded in place and comes back', async () => {
    const id = await createOld({ labels: { 'dev.refit.service': 'dns' } });

    await goThereAndBack(createHostSteps(places, engine), member, () => {
      expect(engine.find('dns')).toMatchObject({
        image,
        env: { ZONE: 'lab', LEVEL: 'debug' },
        restartPolicy: 'always',
      });
      expect(engine.find('dns')?.labels).toMatchObject({ 'dev.refit.service': 'dns' });
      expect(engine.find(keptName('dns', id))?.status).toBe('exited');
    });

    expect(engine.names()).toEqual(['dns running always']);
    expect(engine.find('dns')?.id).toBe(id);
  });

  test('that is stopped stays stopped', async () => {
    await createOld({ isRunning: false });

    await goThereAndBack(createHostSteps(places, engine), member, () => {
      expect(engine.find('dns')).toMatchObject({ status: 'created', image });
    });

    expect(engine.names()).toEqual(['dns created always']);
  });

  test('that is as the service wants it is left alone, running or not', async () => {
    const steps = createHostSteps(places, engine);
    await createOld();
    const before = await steps.capture(member, place());
    await steps.apply(member, place(before));
    await engine.stopContainer('dns');

    expect(await steps.check(member, place())).toBe(true);
    // In the middle of its own upgrade it has to run, as it did before.
    expect(await steps.check(member, place(before))).toBe(false);
  });

  test('that dies at once is put back, and the failure says so', async () => {
    const id = await createOld();
    const steps = createHostSteps(places, engine);
    const before = await steps.capture(member, place());
    engine.diesAtOnce = true;

    await expect(steps.apply(member, place(before))).rejects.toThrow('container dns did not stay up');

    expect(engine.find('dns')?.id).toBe(id);
  });

  const probed = async (asked: MemberStep): Promise<{ ok: boolean; evidence: string }> =>
    createHostSteps(places, engine).probe(asked, place());

  test('says so by its label, or has an image of the same repository', async () => {
    await createOld();
    expect(await probed(member)).toMatchObject({ ok: true });

    const { id } = await engine.createContainer({
      ...{ ...step, name: 'dns-2', image: 'other' },
      labels: { 'dev.refit.service': 'dns' },
    });
    expect(await probed({ ...member, name: 'dns-2' })).toMatchObject({ ok: true });
    expect(await probed({ ...member, name: id.slice(0, 12) })).toMatchObject({ ok: false });
  });

  test.each([
    ['of another service', 'dns', { 'dev.refit.service': 'web' }, 'it is one of web'],
    ['of another image', 'dns', {}, 'it has no label dev.refit.service, and image registry.lab:5000/dns:1'],
    ['that is not there', 'dns-9', {}, 'there is no container dns-9 on this host'],
    ['that is kept for a way back', 'dns.refit-kept-01234567', {}, 'kept for a way back'],
  ])('%s is none', async (...[, name, labels, evidence]) => {
    const { id } = await engine.createContainer({ ...step, image: 'registry.lab:5000/dns:1', labels });
    if (name.includes('.')) await engine.renameContainer(id, name);

    const probe = await probed({ ...member, name, image: image.replace('/dns', '/dns2') });

    expect(probe.ok).toBe(false);
    expect(probe.evidence).toContain(evidence);
  });

  test('whose image is missing is not begun', async () => {
    await createOld();
    engine.images.clear();

    expect(await probed(member)).toMatchObject({ ok: false, evidence: expect.stringContaining('missing') as string });
  });
});

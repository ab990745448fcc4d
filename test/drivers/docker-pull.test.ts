import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createEngine } from '../../drivers/docker/engine.ts';
import { kindOfText } from '../../drivers/docker/pull.ts';
import type { Engine, PullProgress } from '../../model/engine.ts';
import { eventually } from '../eventually.ts';
import { startFakeRegistry, type FakeRegistry } from '../fakes/registry.ts';
import { containing } from '../matching.ts';
import { busyboxTar, startEngine, type TestEngine } from '../parts/engine.ts';

const LIMITS = { byteLimit: 100_000_000, deadlineMs: 60_000 };

describe('pulling an image', () => {
  let started: TestEngine;
  let registry: FakeRegistry;
  let engine: Engine;
  let folder: string;
  let layer: Buffer;
  let images = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'refit-pull-'));
    layer = await readFile(await busyboxTar(folder));
    registry = await startFakeRegistry();
    started = await startEngine();
    engine = createEngine(started.access, 'host-1');
  });
  beforeEach(() => registry.behave('good'));
  afterAll(async () => {
    await registry.close();
    await started.close();
    await rm(folder, { recursive: true });
  });

  /** An image that the engine can't know yet: what it has of an earlier one it would not ask for. */
  const newImage = (): string => {
    images += 1;
    return registry.add(`image-${images}`, [Buffer.concat([layer, Buffer.from(`${images}`.padEnd(512, '\0'))])]);
  };

  test('an image is pulled by digest, with its progress, and found there the second time', async () => {
    const reference = newImage();
    const progress: PullProgress[] = [];

    const first = await engine.pullImage({ reference, ...LIMITS, onProgress: (now) => progress.push(now) });
    const second = await engine.pullImage({ reference, ...LIMITS });

    expect(first).toEqual({ outcome: 'pulled' });
    expect(second).toEqual({ outcome: 'alreadyThere' });
    expect(progress.at(-1)?.bytes).toBeGreaterThan(500_000);
    expect(progress.at(-1)?.bytes).toBe(progress.at(-1)?.totalBytes);
    expect(await engine.imagePresent(reference)).toBe(true);
  });

  test('two pulls of one image at the same time both end well', async () => {
    const reference = newImage();

    const outcomes = await Promise.all([
      engine.pullImage({ reference, ...LIMITS }),
      engine.pullImage({ reference, ...LIMITS }),
    ]);

    expect(outcomes.map(({ outcome }) => outcome)).not.toContain('failed');
  });

  test('an image that a registry does not have is not found', async () => {
    const reference = newImage().replace(/.{8}$/, '00000000');

    const outcome = await engine.pullImage({ reference, ...LIMITS });

    expect(outcome).toMatchObject({ outcome: 'failed', kind: 'notFound' });
  });

  test('a registry that is away is unreachable, and the message names the host', async () => {
    const reference = newImage().replace(registry.address, '127.0.0.1:1');

    const outcome = await engine.pullImage({ reference, ...LIMITS });

    expect(outcome).toMatchObject({
      outcome: 'failed',
      kind: 'unreachable',
      message: containing('host-1'),
    });
  });

  test('an error in the middle of a stream that began with 200 fails the pull', async () => {
    registry.behave('corrupt');

    const outcome = await engine.pullImage({ reference: newImage(), ...LIMITS });

    expect(outcome).toMatchObject({ outcome: 'failed', kind: 'corrupt' });
  });

  test('a layer that is missing at the registry fails the pull', async () => {
    registry.behave('missing');

    const outcome = await engine.pullImage({ reference: newImage(), ...LIMITS });

    expect(outcome).toMatchObject({ outcome: 'failed', kind: 'corrupt' });
  });

  test('a registry that dies in the middle of a layer and comes back costs time, not the pull', async () => {
    registry.behave('dies');
    const reference = newImage();
    let hasBegun = false;
    const pulling = engine.pullImage({ reference, ...LIMITS, onProgress: () => (hasBegun = true) });
    await eventually(() => hasBegun);

    registry.behave('good');

    expect(await pulling).toEqual({ outcome: 'pulled' });
  });

  test('a registry that stands still ends with the deadline, and the message says what was heard last', async () => {
    registry.behave('slow');

    const outcome = await engine.pullImage({ reference: newImage(), ...LIMITS, deadlineMs: 5_000 });

    expect(outcome).toMatchObject({
      outcome: 'failed',
      kind: 'deadline',
      message: containing('Downloading'),
    });
  });

  test('a layer that never ends is cut off at the limit', async () => {
    registry.behave('endless');

    const outcome = await engine.pullImage({ reference: newImage(), ...LIMITS, byteLimit: 20_000_000 });

    expect(outcome).toMatchObject({ outcome: 'failed', kind: 'tooLarge' });
  });

  test('after every failed pull the same image can be pulled', async () => {
    const reference = newImage();
    for (const mode of ['corrupt', 'missing'] as const) {
      registry.behave(mode);
      expect((await engine.pullImage({ reference, ...LIMITS })).outcome).toBe('failed');
    }

    registry.behave('good');

    expect(await engine.pullImage({ reference, ...LIMITS })).toEqual({ outcome: 'pulled' });
  });

  test('a pull ends with the caller’s signal and throws its reason', async () => {
    registry.behave('slow');
    const ending = new AbortController();
    const pulling = engine.pullImage({
      reference: newImage(),
      ...LIMITS,
      signal: ending.signal,
      onProgress: () => ending.abort(new Error('cancelled')),
    });

    await expect(pulling).rejects.toThrow('cancelled');
  });

  test('a removed image is gone, and removing it again is fine', async () => {
    const reference = newImage();
    await engine.pullImage({ reference, ...LIMITS });

    expect(await engine.removeImage(reference)).toBe('removed');
    expect(await engine.removeImage(reference)).toBe('absent');
    expect(await engine.imagePresent(reference)).toBe(false);
  });

  test('an engine that is killed in the middle of a pull is unreachable, soon', async () => {
    registry.behave('slow');
    const began = performance.now();

    const outcome = await engine.pullImage({ reference: newImage(), ...LIMITS, onProgress: () => void started.kill() });

    expect(outcome).toMatchObject({ outcome: 'failed', kind: 'unreachable' });
    expect(performance.now() - began).toBeLessThan(LIMITS.deadlineMs / 2);
    await started.start();
  });
});

test('the engine’s words are told apart', () => {
  const kinds = [
    'write /var/lib/docker/tmp/x: no space left on device',
    'manifest for x not found: manifest unknown: manifest unknown',
    'filesystem layer verification failed for digest sha256:00',
    'unexpected EOF',
    'Get "https://registry.lab:5000/v2/": dial tcp: lookup registry.lab: no such host',
    'Get "http://x/v2/": net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
    'something new',
  ].map(kindOfText);

  expect(kinds).toEqual(['noSpace', 'notFound', 'corrupt', 'corrupt', 'unreachable', 'unreachable', 'refused']);
});

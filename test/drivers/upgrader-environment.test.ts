import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { completeEnvironment } from '../../drivers/upgrader/environment.ts';
import { keepMark, markProblem } from '../../drivers/upgrader/mark.ts';
import { eventually } from '../eventually.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-upgrader-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

describe('the environment of the upgrader’s container', () => {
  test('is completed by the host’s file, which wins', async () => {
    const file = join(folder, 'upgrader.env');
    await writeFile(file, 'TEMPORAL_API_KEY=secret\nREFIT_LOG_LEVEL=debug\n');
    const env = { REFIT_ENV_FILE: file, REFIT_LOG_LEVEL: 'info' };

    await completeEnvironment(env);

    expect(env).toMatchObject({ TEMPORAL_API_KEY: 'secret', REFIT_LOG_LEVEL: 'debug' });
  });

  test('names the API’s configuration where one lies beside the fleet file', async () => {
    const env = { REFIT_FLEET: join(folder, 'fleet.yaml') };
    const before = { ...env };
    await completeEnvironment(before);
    await writeFile(join(folder, 'api.yaml'), '');

    await completeEnvironment(env);

    expect(before).toEqual({ REFIT_FLEET: join(folder, 'fleet.yaml') });
    expect(env).toMatchObject({ REFIT_API_CONFIG: join(folder, 'api.yaml') });
  });

  test('is what it was where the host has no file', async () => {
    const env = { REFIT_ENV_FILE: join(folder, 'none') };

    await completeEnvironment(env);

    expect(env).toEqual({ REFIT_ENV_FILE: join(folder, 'none') });
  });
});

describe('a worker’s mark', () => {
  test('is missing before it starts, and fresh while it takes work', () => {
    const file = join(folder, 'mark');
    const ending = new AbortController();

    expect(markProblem(file)).toContain('not started');
    keepMark(() => true, ending.signal, file);

    expect(markProblem(file)).toBeNull();
    ending.abort();
  });

  test('grows old when the worker takes no work any more, and says for how long', async () => {
    const file = join(folder, 'mark');
    const ending = new AbortController();
    keepMark(() => false, ending.signal, file);

    await utimes(file, new Date(0), new Date(Date.now() - 60_000));

    expect(markProblem(file)).toContain('has not shown itself for 60 s');
    ending.abort();
  });

  test('is renewed while it takes work', async () => {
    const file = join(folder, 'mark');
    const ending = new AbortController();
    keepMark(() => true, ending.signal, file);
    await utimes(file, new Date(0), new Date(0));

    await eventually(() => expect(markProblem(file)).toBeNull());

    ending.abort();
  });
});

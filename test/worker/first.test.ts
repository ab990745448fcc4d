import { pino } from 'pino';
import { expect, test } from 'vitest';
import { becomeFirst } from '../../worker/first.ts';
import { eventually } from '../eventually.ts';
import { FakeWorkerVersions } from '../fakes/fake-worker-versions.ts';

const OWN = '111111111111';
const OTHER = '222222222222';
const log = pino({ level: 'silent' });
const { signal } = new AbortController();

test('the first worker of a fleet becomes its current version, once Temporal has heard of it', async () => {
  const versions = new FakeWorkerVersions();
  const becoming = becomeFirst(OWN, { versions, signal, log });
  await eventually(() => expect(versions.looks).toBeGreaterThan(0));

  versions.startWorker(OWN);
  await becoming;

  expect(versions.switches).toEqual([OWN]);
});

test('a worker of another build leaves the current version as it is', async () => {
  const versions = new FakeWorkerVersions();
  versions.startWorker(OTHER);
  await versions.setCurrent(OTHER, signal);
  versions.startWorker(OWN);

  await becomeFirst(OWN, { versions, signal, log });

  expect(versions.switches).toEqual([OTHER]);
});

test('a Temporal that is away is asked again', async () => {
  const versions = new FakeWorkerVersions();
  versions.startWorker(OWN);
  versions.down();
  const becoming = becomeFirst(OWN, { versions, signal, log });
  await eventually(() => expect(versions.looks).toBeGreaterThan(0));

  versions.up();
  await becoming;

  expect(versions.switches).toEqual([OWN]);
});

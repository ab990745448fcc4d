import { afterEach, expect, test } from 'vitest';
import type { BuildId, WorkerVersion, WorkerVersions } from '../../model/upgrader.ts';
import { eventually as eventuallyAt } from '../eventually.ts';

/** A fleet of its own, whose workers and runs a test starts and ends. */
export type VersionsWorld = {
  readonly versions: WorkerVersions;
  readonly startWorker: (build: BuildId) => Promise<{ readonly identity: string; readonly end: () => Promise<void> }>;
  /** Starts a run, which some worker has begun when this returns, and that goes on until it is ended. */
  readonly startRun: () => Promise<{
    readonly run: { readonly workflowId: string; readonly runId: string };
    /** It gets something to do. */
    readonly wake: () => Promise<void>;
    readonly end: () => Promise<void>;
  }>;
  readonly close: () => Promise<void>;
};

const FIRST = '111111111111';
const NEXT = '222222222222';
const { signal } = new AbortController();

/** Between two looks; ms. Each is a query of the server's own workflow, and a hundred a second keep that from hearing of workers. */
const LOOK_MS = 250;

const eventually = async (check: () => Promise<void>): Promise<void> => {
  await eventuallyAt(check, { everyMs: LOOK_MS });
};

/** What Temporal's worker versions keep to; run against a real server and against the one in memory, so that the fake stays honest. */
export function describeWorkerVersions(open: () => Promise<VersionsWorld> | VersionsWorld): void {
  const opened: VersionsWorld[] = [];
  afterEach(async () => {
    for (const world of opened.splice(0)) await world.close();
  });
  const openWorld = async (): Promise<VersionsWorld> => {
    const world = await open();
    opened.push(world);
    return world;
  };

  test('a fleet that never had a versioned worker has no versions', async () => {
    const { versions } = await openWorld();

    expect(await versions.list(signal)).toEqual([]);
  });

  test('a build without a worker can’t be made current, and the message names it', async () => {
    const { versions, startWorker } = await openWorld();
    await startWorker(FIRST);
    await eventually(async () => expect(await versions.list(signal)).toHaveLength(1));

    await expect(versions.setCurrent(NEXT, signal)).rejects.toThrow(NEXT);
    expect(await currentOf(versions)).toEqual([]);
  });

  test('a switch moves what starts and leaves what is open, with exactly one version current all along', async () => {
    const { versions, startWorker, startRun } = await openWorld();
    const { identity } = await startWorker(FIRST);
    await eventually(async () => expect((await find(versions, FIRST)).workers).toEqual([identity]));
    await makeCurrent(versions, FIRST);
    const old = await startRun();
    await eventually(async () => expect((await find(versions, FIRST)).openRuns).toBe(1));

    await startWorker(NEXT);
    await eventually(async () => expect((await find(versions, NEXT)).workers).toHaveLength(1));
    const beforeSwitch = await currentOf(versions);
    await makeCurrent(versions, NEXT);
    await versions.setCurrent(NEXT, signal);
    await startRun();

    await eventually(async () => expect((await find(versions, NEXT)).openRuns).toBe(1));
    expect(beforeSwitch).toEqual([FIRST]);
    expect(await currentOf(versions)).toEqual([NEXT]);
    expect((await find(versions, FIRST)).openRuns).toBe(1);
    await old.end();
    await eventually(async () => expect((await find(versions, FIRST)).openRuns).toBe(0));
  });

  test('a run that is moved on goes on with what is current', async () => {
    const { versions, startWorker, startRun } = await openWorld();
    await startWorker(FIRST);
    await eventually(async () => expect((await find(versions, FIRST)).workers).toHaveLength(1));
    await makeCurrent(versions, FIRST);
    const { run, wake } = await startRun();
    await eventually(async () => expect((await find(versions, FIRST)).openRuns).toBe(1));
    await startWorker(NEXT);
    await eventually(async () => expect((await find(versions, NEXT)).workers).toHaveLength(1));
    await makeCurrent(versions, NEXT);

    await versions.moveOn(run, signal);
    await versions.moveOn(run, signal);
    await wake();

    await eventually(async () => expect((await find(versions, FIRST)).openRuns).toBe(0));
  });

  test('a call whose signal has fired throws its reason', async () => {
    const { versions } = await openWorld();

    await expect(versions.list(AbortSignal.abort(new Error('given up')))).rejects.toThrow();
  });
}

/** The server hears of a worker's questions for activities and for workflows one after the other, and refuses it in between. */
const makeCurrent = async (versions: WorkerVersions, build: BuildId): Promise<void> =>
  eventually(async () => versions.setCurrent(build, signal));

async function find(versions: WorkerVersions, build: BuildId): Promise<WorkerVersion> {
  const list = await versions.list(signal);
  const found = list.find((version) => version.build === build);
  if (found === undefined) throw new Error(`expected a version ${build}, there are ${list.map(String).join(', ')}`);
  return found;
}

const currentOf = async (versions: WorkerVersions): Promise<readonly BuildId[]> =>
  (await versions.list(signal)).filter(({ isCurrent }) => isCurrent).map(({ build }) => build);

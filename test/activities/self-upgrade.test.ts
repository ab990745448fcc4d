import { afterEach, describe, expect, it } from 'vitest';
import type { SuccessorInput } from '../../activities/self-upgrade-activities.ts';
import type { Engine, Job } from '../../model/engine.ts';
import { workerIdentity, upgraderSpec } from '../../model/upgrader-container.ts';
import type { UpgraderRole } from '../../model/upgrader.ts';
import { defaultPolicy } from '../../model/policy.ts';
import type { Clock } from '../../model/ports.ts';
import { says } from '../fakes/engine.ts';
import { imageOfBuild, NEW_BUILD, OLD_BUILD } from '../fakes/fake-upgrader.ts';
import { readRelease } from '../fakes/release.ts';
import { matching } from '../matching.ts';
import { at, fastClock, perform, run, startHarness, type Harness } from './harness.ts';

let harness: Harness | null = null;
afterEach(() => harness?.close());

const image = imageOfBuild(NEW_BUILD);
const NEW_WORKER = `refit-worker-${NEW_BUILD}`;
const OLD_WORKER = `refit-worker-${OLD_BUILD}`;

type Start = Harness & { readonly input: SuccessorInput };

/** One host that carries the old build's worker and API, with a variable and a limit that an operator set. */
async function start(clock?: Clock): Promise<Start> {
  const started = (harness = startHarness(1, undefined, clock));
  const host = at(started.hosts, 0);
  started.upgraders.add(host);
  for (const role of ['worker', 'api'] as const) await runOld(started.engine(0), { host, role });
  started.workers.startWorker(OLD_BUILD, workerIdentity(host, OLD_BUILD));
  await started.workers.setCurrent(OLD_BUILD, new AbortController().signal);
  return { ...started, input: { ...run, host, image, deadlineMs: 60_000 } };
}

async function runOld(
  engine: Engine,
  { host, role }: { readonly host: Start['input']['host']; readonly role: UpgraderRole },
): Promise<void> {
  const spec = upgraderSpec(role, { fleet: run.fleet, host, image: imageOfBuild(OLD_BUILD) });
  await engine.pullImage({ reference: spec.image, byteLimit: 1, deadlineMs: 1 });
  await engine.createContainer({ ...spec, memoryBytes: 7, env: { ...spec.env, HTTPS_PROXY: 'http://proxy:3128' } });
  await engine.startContainer(spec.name);
}

/** The new container's worker asks Temporal for work as soon as it runs. */
function asksAtOnce({ engine, workers, input }: Start): void {
  engine(0).onStart = (name) => {
    if (name === NEW_WORKER) workers.startWorker(NEW_BUILD, workerIdentity(input.host, NEW_BUILD));
  };
}

const namesOf = ({ engine }: Start): readonly string[] =>
  engine(0)
    .containers.all()
    .filter(({ running }) => running)
    .map(({ name }) => name)
    .sort();

describe('a successor’s replay', () => {
  it('runs the new image with what was set on the old worker, and gives what it says', async () => {
    const started = await start();
    started.engine(0).programs.set('replay', says(0, { outcome: 'replayed', runs: 2, corpus: 20 }));

    const result = await perform(started.activities.replaySuccessor, started.input);

    expect(result).toEqual({ outcome: 'replayed', runs: 2, corpus: 20 });
    const job: Job = at(started.engine(0).jobs, 0);
    expect(job).toMatchObject({ image, command: ['replay'], networkMode: 'host', binds: ['/etc/refit:/etc/refit:ro'] });
    expect(job.env).toMatchObject({ HTTPS_PROXY: 'http://proxy:3128', REFIT_BUILD_ID: NEW_BUILD });
    expect(namesOf(started)).toEqual([`refit-api-${OLD_BUILD}`, OLD_WORKER]);
  });

  it('that finds faults names at most ten of them and counts the others', async () => {
    const started = await start();
    const fault = { workflowId: 'w', runId: 'r', event: 4, message: 'm'.repeat(5_000) };
    const faults = Array.from({ length: 12 }, () => fault);
    started.engine(0).programs.set('replay', says(1, fault, { outcome: 'blocked', faults, more: 3 }));

    const result = await perform(started.activities.replaySuccessor, started.input);

    expect(result).toMatchObject({ outcome: 'blocked', more: 5, faults: { length: 10 } });
    expect(JSON.stringify(result).length).toBeLessThan(16_000);
  });

  it.each([
    ['says nothing we know', says(0, { hello: 'world' }), /ended with 0: {"hello":"world"}/],
    ['says that all is well, and fails', says(9, { outcome: 'replayed', runs: 1, corpus: 1 }), /ended with 9/],
    ['can not reach Temporal', says(3, { outcome: 'failed', message: 'temporal is away' }), /temporal is away/],
  ])('that %s is a failure, never a pass', async (_, program, message) => {
    const started = await start();
    started.engine(0).programs.set('replay', program);

    const result = await perform(started.activities.replaySuccessor, started.input);

    expect(result).toEqual({ outcome: 'failed', message: matching(message) });
  });

  it('of an image that can not be pulled is a failure', async () => {
    const started = await start();
    started.engine(0).failNextPull('unreachable');

    const result = await perform(started.activities.replaySuccessor, started.input);

    expect(result).toEqual({ outcome: 'failed', message: matching(/^host host-1: .*unreachable/) });
    expect(started.engine(0).jobs).toEqual([]);
  });
});

describe('starting a successor', () => {
  it('stands beside the old worker, with its settings, once Temporal hears it; again, it is left alone', async () => {
    const started = await start();
    asksAtOnce(started);

    const first = await perform(started.activities.startSuccessor, started.input);
    const again = await perform(started.another().startSuccessor, started.input);

    expect([first, again]).toEqual([{ outcome: 'started' }, { outcome: 'running' }]);
    expect(namesOf(started)).toEqual([`refit-api-${OLD_BUILD}`, OLD_WORKER, NEW_WORKER]);
    expect(started.engine(0).containers.find(NEW_WORKER)?.spec).toMatchObject({
      memoryBytes: 7,
      restart: 'unless-stopped',
      env: {
        ...{ HTTPS_PROXY: 'http://proxy:3128', REFIT_BUILD_ID: NEW_BUILD },
        REFIT_WORKER_IDENTITY: `host-1/${NEW_WORKER}`,
      },
    });
  });

  it('whose worker never asks for work is removed again', async () => {
    const started = await start(fastClock(200));

    const result = await perform(started.activities.startSuccessor, started.input);

    expect(result).toEqual({
      outcome: 'failed',
      message: matching(/no worker of build 2{12} asked for work within 90 s/),
    });
    expect(namesOf(started)).toEqual([`refit-api-${OLD_BUILD}`, OLD_WORKER]);
  });

  it('can be taken back, but not once it is current', async () => {
    const started = await start();
    asksAtOnce(started);
    await perform(started.activities.startSuccessor, started.input);

    await perform(started.activities.dropSuccessor, started.input);
    const dropped = namesOf(started);
    await perform(started.activities.startSuccessor, started.input);
    await perform(started.activities.switchWorkers, { ...run, image, hosts: started.hosts });
    await perform(started.activities.dropSuccessor, started.input);

    expect(dropped).not.toContain(NEW_WORKER);
    expect(namesOf(started)).toContain(NEW_WORKER);
  });
});

describe('workers of other builds', () => {
  it('are ended once no run is pinned to them, and named as long as one is', async () => {
    const started = await start();
    asksAtOnce(started);
    started.workers.startRun('unit/lab/shop');
    await perform(started.activities.startSuccessor, started.input);
    const place = { ...run, image, hosts: started.hosts };
    const switched = await perform(started.activities.switchWorkers, place);

    const kept = await perform(started.activities.retireWorkers, place);
    started.workers.endRun('unit/lab/shop');
    const retired = await perform(started.activities.retireWorkers, place);

    expect(switched).toEqual({ before: OLD_BUILD });
    expect(kept).toEqual({ retired: [], kept: [{ build: OLD_BUILD, openRuns: 1 }] });
    expect(retired).toEqual({ retired: [{ host: 'host-1', build: OLD_BUILD }], kept: [] });
    expect(namesOf(started)).toEqual([`refit-api-${OLD_BUILD}`, NEW_WORKER]);
  });

  it('of another fleet on the same host are not touched', async () => {
    const started = await start();
    const spec = upgraderSpec('worker', { ...started.input, image: imageOfBuild('333333333333') });
    const labels = { ...spec.labels, 'dev.refit.fleet': 'other' };
    await started.engine(0).pullImage({ reference: spec.image, byteLimit: 1, deadlineMs: 1 });
    await started.engine(0).createContainer({ ...spec, labels });
    await started.engine(0).startContainer(spec.name);

    await perform(started.activities.retireWorkers, { ...run, image: imageOfBuild(OLD_BUILD), hosts: started.hosts });

    expect(namesOf(started)).toContain(spec.name);
  });
});

describe('the api', () => {
  it('is replaced by the successor’s, with what was set on it; a host without one is passed over', async () => {
    const started = await start();

    const first = await perform(started.activities.replaceApi, started.input);
    const again = await perform(started.another().replaceApi, started.input);
    await started.engine(0).removeContainer(`refit-api-${NEW_BUILD}`, { force: true });
    const none = await perform(started.activities.replaceApi, started.input);

    expect([first, again, none]).toEqual([{ outcome: 'started' }, { outcome: 'running' }, { outcome: 'absent' }]);
    expect(started.engine(0).containers.find(`refit-api-${OLD_BUILD}`)).toBeNull();
  });

  it('runs as before when its successor does not get well', async () => {
    const started = await start();
    started.engine(0).containers.sicken(`refit-api-${NEW_BUILD}`, 'its port is taken');

    const result = await perform(started.activities.replaceApi, started.input);

    expect(result).toEqual({ outcome: 'failed', message: matching(/its port is taken; refit-api-1{12} runs again$/) });
    expect(namesOf(started)).toEqual([`refit-api-${OLD_BUILD}`, OLD_WORKER]);
  });

  it('whose replacement is cut off is gone on with', async () => {
    const started = await start();
    started.engine(0).failNext('startContainer', 'unreachable', 'undone');

    const cut = await perform(started.activities.replaceApi, started.input);
    const again = await perform(started.activities.replaceApi, started.input);

    expect(cut).toMatchObject({ outcome: 'failed' });
    expect(again).toEqual({ outcome: 'started' });
    expect(namesOf(started)).toEqual([`refit-api-${NEW_BUILD}`, OLD_WORKER]);
  });
});

describe('what preflight says of the upgrader', () => {
  const plan = async (started: Start): Promise<unknown> => {
    for (const agent of started.agents) agent.start();
    const { ref } = started.registry.read;
    const input = {
      ...run,
      reference: 'registry.lab:5000/sample:2.0.0',
      digest: ref.digest,
      policy: defaultPolicy,
      tree: null,
    };
    return (await perform(started.activities.preflight, input)).selfUpgrade;
  };

  it('is the new image and the hosts that carry it, and the agents that are others', async () => {
    const started = await start();
    started.registry.read = { ...readRelease({ upgrader: { image } }), agent: 'agent-2' };

    expect(await plan(started)).toEqual({
      upgrader: { image, current: OLD_BUILD, hosts: ['host-1'] },
      agents: { to: 'agent-2', hosts: 1 },
    });
  });

  it('is nothing where release and fleet agree, or no host carries it', async () => {
    const started = await start();
    started.registry.read = { ...readRelease({ upgrader: { image: imageOfBuild(OLD_BUILD) } }), agent: 'agent-1' };
    const same = await plan(started);
    started.registry.read = readRelease({ upgrader: { image } });
    started.upgraders.clear();

    expect(same).toBeUndefined();
    expect(await plan(started)).toBeUndefined();
  });

  it('is the leftovers of a build that was switched from', async () => {
    const started = await start();
    started.workers.startWorker(NEW_BUILD);
    started.registry.read = readRelease({ upgrader: { image: imageOfBuild(OLD_BUILD) } });

    expect(await plan(started)).toMatchObject({ upgrader: { current: OLD_BUILD } });
  });
});

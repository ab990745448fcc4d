import { afterEach, describe, expect, it } from 'vitest';
import type { DownloadInput, DownloadResult } from '../../activities/activities.ts';
import { RegistryError, type RegistryFailure } from '../../model/registry.ts';
import type { PullFailure } from '../../model/engine.ts';
import { imageReference } from '../../model/release.ts';
import type { HostHeartbeat } from '../../model/upgrade.ts';
import { says } from '../fakes/engine.ts';
import { releaseRef } from '../fakes/release.ts';
import type { Clock } from '../../model/ports.ts';
import { at, fastClock, newEnvironment, perform, run, startHarness, type Harness } from './harness.ts';

let harness: Harness | null = null;
afterEach(() => harness?.close());

/** One host whose Downloader Job starts the agent. */
function start(clock?: Clock): Harness & { readonly input: DownloadInput } {
  const started = (harness = startHarness(1, undefined, clock));
  started.engine(0).programs.set('download', (job) => {
    started.agent(0).start();
    const progress = { event: 'progress', bytes: 5, total: 10 };
    return says(0, progress, { event: 'done', agent: 'agent-1', copiedBytes: 10 })(job);
  });
  const limits = { byteLimit: 1024 ** 3, diskFloorBytes: 7, deadlineMs: 60_000 };
  return { ...started, input: { ...run, host: at(started.hosts, 0), release: releaseRef(), ...limits } };
}

const failed = (kind: 'environment' | 'release', message: RegExp): DownloadResult => ({
  ...{ outcome: 'failed', kind },
  message: expect.stringMatching(message) as string,
});

describe('downloading a release to a host', () => {
  it('pulls the image by digest, runs the job without privileges, and waits for the agent', async () => {
    const { activities, input, engine } = start();

    expect(await perform(activities.downloadRelease, input)).toEqual({ outcome: 'staged', bytes: 1_000 });

    expect(engine(0).pulls.map(({ reference }) => reference)).toEqual([imageReference(releaseRef())]);
    const job = at(engine(0).jobs, 0);
    expect(job).toMatchObject({ command: ['download'], networkMode: 'none' });
    expect(job.labels).toMatchObject({ 'dev.refit.upgrade': 'lab-1', 'dev.refit.host': 'host-1' });
    expect(job.env).toMatchObject({
      REFIT_RELEASE_DIGEST: releaseRef().digest,
      REFIT_CONTENTS_DIGEST: releaseRef().contents,
      REFIT_DISK_FLOOR_BYTES: '7',
    });
    expect(JSON.parse(job.env['REFIT_AGENT_CONFIG'] ?? '')).toEqual({
      ...{ fleet: 'lab', host: 'host-1', etcd: { endpoints: ['http://host-1:2379'], tls: null, member: null } },
    });
  });

  it('a second attempt finds everything there', async () => {
    const { activities, input, another } = start();
    await perform(activities.downloadRelease, input);

    expect(await perform(another().downloadRelease, input)).toEqual({ outcome: 'staged', bytes: 0 });
  });

  const pulls: readonly [PullFailure, 'environment' | 'release'][] = [
    ['notFound', 'release'],
    ['corrupt', 'release'],
    ['tooLarge', 'release'],
    ['unreachable', 'environment'],
    ['noSpace', 'environment'],
    ['deadline', 'environment'],
    ['refused', 'environment'],
  ];
  it.each(pulls)('a pull that fails with %s is the fault of the %s', async (kind, whose) => {
    const { activities, input, engine } = start();
    engine(0).failNextPull(kind);

    expect(await perform(activities.downloadRelease, input)).toEqual(
      failed(whose, new RegExp(`^host host-1: .*${kind}`)),
    );
    expect(engine(0).jobs).toEqual([]);
  });

  const reads: readonly [RegistryFailure, 'environment' | 'release'][] = [
    ['unreachable', 'environment'],
    ['refused', 'environment'],
    ['notFound', 'release'],
    ['mismatch', 'release'],
  ];
  it.each(reads)('a release that can not be read (%s) is the fault of the %s', async (kind, whose) => {
    const { activities, input, registry } = start();
    Object.defineProperty(registry, 'read', {
      get: () => {
        throw new RegistryError(kind, 'registry.lab:5000 says no');
      },
    });

    expect(await perform(activities.downloadRelease, input)).toEqual(failed(whose, /registry.lab:5000 says no/));
  });

  it('an engine that does not answer is the fault of the environment', async () => {
    const { activities, input, engine } = start();
    engine(0).down();

    expect(await perform(activities.downloadRelease, input)).toEqual(failed('environment', /no Docker Engine answers/));
  });

  it('a job that fails says why', async () => {
    const { activities, input, engine } = start();
    engine(0).programs.set('download', says(1, { event: 'failed', message: '3 MiB free, 40 are needed' }));

    expect(await perform(activities.downloadRelease, input)).toEqual(
      failed('environment', /the Downloader Job of sample 2.0.0 failed \(exit code 1\): 3 MiB free, 40 are needed/),
    );
  });

  it('an agent that shows no life after its start is named, with where to look', async () => {
    const { activities, input, engine } = start(fastClock(20));
    engine(0).programs.set('download', says(0, { event: 'done', agent: 'agent-1', copiedBytes: 10 }));

    expect(await perform(activities.downloadRelease, input)).toEqual(
      failed('environment', /agent agent-1 was started, but shows no life .* 20 s; look on the host: journalctl/),
    );
  });

  it('tells in its beats what it is at', async () => {
    const { activities, input, engine } = start();
    const beats: HostHeartbeat[] = [];
    engine(0).programs.set('download', async (job) => {
      job.onLine?.('{"event":"progress","bytes":5,"total":10}');
      const { promise, resolve } = withResolvers();
      env.on('heartbeat', (beat: HostHeartbeat) => (beat.bytes === 5 ? resolve() : undefined));
      await promise;
      return says(1, { event: 'failed', message: 'enough' })(job);
    });
    const env = newEnvironment();

    await perform(activities.downloadRelease, input, { env, beats });

    expect(beats.at(0)).toMatchObject({ host: 'host-1', phase: 'pulling' });
    expect(beats.at(-1)).toMatchObject({ phase: 'copying', bytes: 5, totalBytes: 10 });
  });
});

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

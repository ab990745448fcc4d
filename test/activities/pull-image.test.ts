import { afterEach, describe, expect, it } from 'vitest';
import type { PullImageInput, PullImageResult } from '../../activities/member-activities.ts';
import type { PullFailure } from '../../model/engine.ts';
import type { MemberHeartbeat } from '../../model/member-heartbeat.ts';
import { busKeys } from '../../model/bus.ts';
import { eventually } from '../eventually.ts';
import { imageIdOf } from '../fakes/engine.ts';
import { fleetId } from '../fakes/fleet.ts';
import { digestOf } from '../fakes/release.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const IMAGE = `registry.lab:5000/web:2.0@${digestOf('d')}`;
let harness: Harness | null = null;
afterEach(() => harness?.close());

function start(): Harness & { readonly input: PullImageInput } {
  const started = (harness = startHarness(1));
  const limits = { byteLimit: 1024 ** 3, diskFloorBytes: 0, deadlineMs: 60_000 };
  return { ...started, input: { ...run, host: at(started.hosts, 0), image: IMAGE, ...limits } };
}

const failed = (kind: 'environment' | 'input', message: RegExp): PullImageResult => ({
  ...{ outcome: 'failed', kind },
  message: expect.stringMatching(message) as string,
});

describe('pulling an image to a host', () => {
  it('pulls once; a second attempt finds it there', async () => {
    const { activities, another, input, engine } = start();
    const beats: MemberHeartbeat[] = [];

    expect(await perform(activities.pullImage, input, { beats })).toEqual({ outcome: 'pulled' });
    expect(await perform(another().pullImage, input)).toEqual({ outcome: 'alreadyThere' });

    expect(at(engine(0).pulls, 0)).toMatchObject({ reference: IMAGE, byteLimit: 1024 ** 3 });
    expect(at(beats, 0)).toMatchObject({ host: 'host-1', container: null, stage: 'pulling' });
  });

  const faults: readonly [PullFailure, 'environment' | 'input'][] = [
    ['notFound', 'input'],
    ['tooLarge', 'input'],
    ['corrupt', 'environment'],
    ['unreachable', 'environment'],
    ['noSpace', 'environment'],
    ['deadline', 'environment'],
    ['refused', 'environment'],
  ];
  it.each(faults)('a pull that fails with %s is the fault of the %s', async (kind, whose) => {
    const { activities, input, engine } = start();
    engine(0).failNextPull(kind);

    expect(await perform(activities.pullImage, input)).toEqual(failed(whose, new RegExp(`^host host-1: .*${kind}`)));
  });

  it('an engine that does not answer is the fault of the environment', async () => {
    const { activities, input, engine } = start();
    engine(0).down();

    expect(await perform(activities.pullImage, input)).toEqual(failed('environment', /no Docker Engine answers/));
  });

  it('an image for another architecture is refused, and does not stay', async () => {
    const { activities, input, engine } = start();
    engine(0).foreign.set(IMAGE, 'arm64');

    expect(await perform(activities.pullImage, input)).toEqual(
      failed('input', /^image .*web:2.0@sha256:d+ is for arm64, host-1 runs amd64$/),
    );
    expect(engine(0).images).not.toContain(IMAGE);
  });

  it('an image for another architecture is fine where a container of that one runs already', async () => {
    const { activities, input, engine } = start();
    engine(0).foreign.set(IMAGE, 'arm64').set('emulated', 'arm64');
    engine(0).run('other', 'emulated');

    expect(await perform(activities.pullImage, input)).toEqual({ outcome: 'pulled' });
  });

  it('an image for another architecture that was there before is left alone', async () => {
    const { activities, input, engine } = start();
    engine(0).images.add(IMAGE);
    engine(0).foreign.set(IMAGE, 'arm64');

    expect(await perform(activities.pullImage, input)).toMatchObject({ outcome: 'failed', kind: 'input' });
    expect(engine(0).images).toContain(IMAGE);
  });

  it('an image that only hosts have is there, or is the fault of the input', async () => {
    const { activities, input, engine } = start();
    const image = imageIdOf('built-here');

    expect(await perform(activities.pullImage, { ...input, image })).toEqual(
      failed('input', /^host host-1 does not have image sha256:/),
    );
    engine(0).images.add('built-here');

    expect(await perform(activities.pullImage, { ...input, image })).toEqual({ outcome: 'alreadyThere' });
    expect(engine(0).pulls).toEqual([]);
  });

  it('a disk that is fuller than allowed gets nothing more, by the word of the host’s agent', async () => {
    const { activities, input, engine, agent, store } = start();
    agent(0).start();
    await eventually(() => store.json(busKeys(fleetId).alive(agent(0).host)) !== null);
    const tooFull = { ...input, diskFloorBytes: 1024 ** 4 };

    expect(await perform(activities.pullImage, tooFull)).toEqual(
      failed('environment', /^host host-1 has 10240 MiB of disk free, 1048576 MiB are to stay free$/),
    );
    expect(engine(0).pulls).toEqual([]);
    engine(0).images.add(IMAGE);

    expect(await perform(activities.pullImage, tooFull)).toEqual({ outcome: 'alreadyThere' });
  });

  it('needs no bus: a container is upgraded on any host', async () => {
    const { activities, input, store } = start();
    store.down();

    expect(await perform(activities.pullImage, { ...input, diskFloorBytes: 1 })).toEqual({ outcome: 'pulled' });
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import type { ContainerInput, ReplaceMemberInput } from '../../activities/member-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { failureTypes } from '../../model/failures.ts';
import { parseHostId, parseUpgradeId } from '../../model/ids.ts';
import type { MemberHeartbeat } from '../../model/member-heartbeat.ts';
import { memoryLabels } from '../../model/replacement.ts';
import type { FakeEngine } from '../fakes/engine.ts';
import { imageIdOf } from '../fakes/engine.ts';
import { at, newEnvironment, perform, run, startHarness, type Harness } from './harness.ts';

const OLD = 'registry.lab:5000/db@sha256:1';
const NEW = 'registry.lab:5000/db@sha256:2';
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Replacing = Harness & {
  readonly place: ContainerInput;
  readonly input: ReplaceMemberInput;
  readonly host: FakeEngine;
  /** Id of the container that was there at first. */
  readonly old: string;
};

/** A host with a container `db`, and the image that it is to get. */
function start(changes: Partial<ReplaceMemberInput> = {}): Replacing {
  const started = (harness = startHarness(1));
  const host = started.engine(0);
  const old = host.run('db', OLD);
  host.images.add(NEW);
  const place = { ...run, host: at(started.hosts, 0), container: 'db' };
  const input: ReplaceMemberInput = {
    ...place,
    ...{ image: NEW, settings: {}, envFile: null, mode: 'inPlace', keepOld: false },
    ...{ until: 'healthy', onFailure: 'putBack', health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null } },
    ...changes,
  };
  return { ...started, host, old, place, input };
}

const names = (engine: FakeEngine): readonly string[] => engine.containers.all().map(({ name }) => name);

describe('replacing a container', () => {
  it('the new one takes the name, says whose work it is, and the old one is gone', async () => {
    const { activities, input, host, old } = start();

    const outcome = await perform(activities.replaceMember, input);

    expect(outcome).toMatchObject({ outcome: 'replaced', previous: { id: old, keptAs: null } });
    expect(host.containers.find('db')).toMatchObject({ image: NEW, labels: { 'dev.refit.upgrade': 'lab-1' } });
    expect(names(host)).toEqual(['db']);
  });

  it('the same in another upgrade is there already', async () => {
    const { activities, another, input } = start();
    await perform(activities.replaceMember, input);
    const later = { ...input, upgrade: parseUpgradeId('lab-2') };

    expect(await perform(another().replaceMember, later)).toMatchObject({ outcome: 'alreadyThere' });
  });

  it('tells the stages in its beats', async () => {
    const { activities, input } = start();
    const beats: MemberHeartbeat[] = [];

    await perform(activities.replaceMember, input, { beats });

    const stages = new Set(beats.map(({ stage }) => stage));
    expect([...stages]).toEqual(expect.arrayContaining(['creating', 'stopping', 'starting', 'checking', 'finishing']));
    expect(beats.every(({ host, container }) => host === 'host-1' && container === 'db')).toBe(true);
  });

  it('a new container that fails is put back, and its reason is in the beats before the way back', async () => {
    const { activities, input, host, old } = start();
    host.containers.failNext('exited with code 3');
    const beats: MemberHeartbeat[] = [];

    const outcome = await perform(activities.replaceMember, input, { beats });

    expect(outcome).toEqual({ outcome: 'putBack', reason: 'exited with code 3' });
    expect(host.containers.find('db')).toMatchObject({ id: old, running: true });
    expect(beats.find(({ stage }) => stage === 'failed')).toMatchObject({ failed: 'exited with code 3' });
  });

  it('an attempt after a failure that was seen only goes on with the way back', async () => {
    const { activities, input, host, old } = start();
    host.containers.breakNext('check');
    await expect(perform(activities.replaceMember, input)).rejects.toBeInstanceOf(EngineError);
    const env = newEnvironment({ attempt: 2, heartbeatDetails: { stage: 'failed', failed: 'exited with code 3' } });

    const outcome = await perform(activities.replaceMember, input, { env });

    expect(outcome).toEqual({ outcome: 'putBack', reason: 'exited with code 3' });
    expect(at(host.replacements, 1).failed).toBe('exited with code 3');
    expect(host.containers.find('db')).toMatchObject({ id: old, running: true });
  });

  it('beats of another version, or none, say nothing of a failure', async () => {
    const { activities, input, host } = start();
    const env = newEnvironment({ attempt: 2, heartbeatDetails: ['failed'] });

    await perform(activities.replaceMember, input, { env });

    expect(at(host.replacements, 0).failed).toBeNull();
  });

  const moves = ['create', 'rename', 'stop', 'setRestart', 'start', 'check', 'remove'] as const;
  it.each(moves)('an engine that goes away before a %s is thrown, and the same call finishes', async (move) => {
    const { activities, another, input, host } = start();
    host.containers.breakNext(move);

    await expect(perform(activities.replaceMember, input)).rejects.toBeInstanceOf(EngineError);
    const outcome = await perform(another().replaceMember, input);

    expect(outcome).toMatchObject({ outcome: 'replaced' });
    expect(names(host)).toEqual(['db']);
    expect(host.containers.find('db')).toMatchObject({ image: NEW, running: true });
  });

  it('a cancellation ends it with the cancellation, and the same call finishes', async () => {
    const { activities, another, input, host } = start();
    const env = newEnvironment();
    const replace = host.replaceContainer.bind(host);
    host.replaceContainer = async (replacement) => {
      env.cancel('CANCELLED');
      return replace(replacement);
    };

    await expect(perform(activities.replaceMember, input, { env })).rejects.toMatchObject({ name: 'CancelledFailure' });
    host.replaceContainer = replace;

    expect(await perform(another().replaceMember, input)).toMatchObject({ outcome: 'replaced' });
  });

  it('a refusal is an answer', async () => {
    const { activities, input, host } = start();
    host.containers.refuseNext('paused');

    expect(await perform(activities.replaceMember, input)).toMatchObject({ outcome: 'refused', why: 'paused' });
  });

  it('a host that the fleet does not have is refused', async () => {
    const { activities, input } = start();

    await expect(perform(activities.replaceMember, { ...input, host: parseHostId('host-9') })).rejects.toMatchObject({
      type: failureTypes.wrongInput,
      nonRetryable: true,
    });
  });
});

describe('replacing a container by a new one of the image’s id', () => {
  it('gives the engine the id, and keeps no old one', async () => {
    const { activities, input, host } = start({ mode: 'create', keepOld: true });

    expect(await perform(activities.replaceMember, input)).toMatchObject({ outcome: 'replaced' });

    expect(at(host.replacements, 0)).toMatchObject({ image: imageIdOf(NEW), keepOld: false });
    expect(names(host)).toEqual(['db']);
  });

  it('is refused when the host does not have the image', async () => {
    const { activities, input, host } = start({ mode: 'create', image: 'registry.lab:5000/db@sha256:3' });

    expect(await perform(activities.replaceMember, input)).toMatchObject({ outcome: 'refused', why: 'image' });
    expect(host.replacements).toEqual([]);
  });
});

describe('variables from a file', () => {
  const FILE = '/etc/refit/db.env';
  const settings = { env: { LEVEL: 'debug' } };

  it('are laid over with the others, which win', async () => {
    const { activities, input, host, envFiles } = start({ envFile: FILE, settings });
    envFiles.set(FILE, { PASSWORD: 'correct horse', LEVEL: 'info' });

    await perform(activities.replaceMember, input);

    expect(at(host.replacements, 0).settings.env).toEqual({ PASSWORD: 'correct horse', LEVEL: 'debug' });
  });

  it('stay out of beats and answers, also where a container said them', async () => {
    const { activities, input, host, envFiles } = start({ envFile: FILE });
    envFiles.set(FILE, { PASSWORD: 'correct horse', PORT: '80' });
    host.containers.failNext('exited with code 1: bad password "correct horse" on port 80');
    const beats: MemberHeartbeat[] = [];

    const outcome = await perform(activities.replaceMember, input, { beats });

    expect(outcome).toEqual({ outcome: 'putBack', reason: 'exited with code 1: bad password "…" on port 80' });
    expect(JSON.stringify(beats)).not.toContain('correct horse');
  });

  it('stay out of what an engine’s failure says', async () => {
    const { activities, input, host, envFiles } = start({ envFile: FILE });
    envFiles.set(FILE, { PASSWORD: 'correct horse' });
    host.replaceContainer = async () =>
      Promise.reject(new EngineError('refused', 'create db: invalid variable PASSWORD=correct horse'));

    await expect(perform(activities.replaceMember, input)).rejects.toMatchObject({
      message: 'create db: invalid variable PASSWORD=…',
    });
  });

  it('that can not be read are wrong input at first, and later a reason to try again', async () => {
    const { activities, input, host } = start({ envFile: FILE });
    const later = newEnvironment({ attempt: 2 });

    await expect(perform(activities.replaceMember, input)).rejects.toMatchObject({ type: failureTypes.wrongInput });
    await expect(perform(activities.replaceMember, input, { env: later })).rejects.not.toHaveProperty('type');

    expect(host.replacements).toEqual([]);
  });
});

describe('the way back to a kept container', () => {
  it('the kept one runs again, under its name', async () => {
    const { activities, input, place, host, old } = start({ keepOld: true });
    await perform(activities.replaceMember, input);

    const back = await perform(activities.putBackMember, { ...place, until: 'running' });

    expect(back).toEqual({ outcome: 'putBack', id: old, imageId: imageIdOf(OLD) });
    expect(names(host)).toEqual(['db']);
    expect(await perform(activities.putBackMember, { ...place, until: 'running' })).toMatchObject({
      outcome: 'nothingKept',
    });
  });

  it('goes in two steps where no old and new one may run together', async () => {
    const { activities, input, place, host, old } = start({ keepOld: true });
    await perform(activities.replaceMember, input);

    expect(await perform(activities.putBackMember, { ...place, until: 'stopped' })).toEqual({ outcome: 'stopped' });
    expect(host.containers.all().filter(({ running }) => running)).toEqual([]);
    await perform(activities.putBackMember, { ...place, until: 'running' });

    expect(host.containers.find('db')).toMatchObject({ id: old, running: true });
  });

  it('what is kept goes by its id or all at once, and once', async () => {
    const { activities, input, place, old } = start({ keepOld: true });
    await perform(activities.replaceMember, input);

    expect(await perform(activities.discardKept, { ...place, only: 'another' })).toEqual({ removed: 0 });
    expect(await perform(activities.discardKept, { ...place, only: old })).toEqual({ removed: 1 });
    expect(await perform(activities.discardKept, { ...place, only: null })).toEqual({ removed: 0 });
  });

  it('an image that nothing came of goes, and one that is gone is fine', async () => {
    const { activities, place, host } = start();

    await perform(activities.removePulledImage, { ...place, image: NEW });
    await perform(activities.removePulledImage, { ...place, image: NEW });

    expect([...host.images]).toEqual([OLD]);
  });
});

describe('reading a container', () => {
  it('one that refit never saw has no upgrade, and nothing kept', async () => {
    const { activities, place } = start();

    expect(await perform(activities.readContainer, place)).toEqual({
      ...{ running: true, image: OLD, imageId: imageIdOf(OLD) },
      ...{ upgrade: null, previousImageId: null, kept: [] },
    });
  });

  it('one that was upgraded says by which upgrade, what it was before, and what is kept, the latest first', async () => {
    const { activities, place, input, host, old } = start({ keepOld: true });
    await perform(activities.replaceMember, input);
    const second = host.containers.find('db')?.id;
    await perform(activities.replaceMember, { ...input, settings: { env: { LEVEL: 'debug' } } });

    expect(await perform(activities.readContainer, place)).toMatchObject({
      ...{ image: NEW, upgrade: 'lab-1', previousImageId: imageIdOf(NEW), kept: [second, old] },
    });
  });

  it('one that is not there, or is only the id of another, is null', async () => {
    const { activities, place, old } = start();

    expect(await perform(activities.readContainer, { ...place, container: 'web' })).toBeNull();
    expect(await perform(activities.readContainer, { ...place, container: old })).toBeNull();
  });

  it('one that a broken-off upgrade has set aside is read where it is', async () => {
    const { activities, place, input, host } = start();
    host.containers.breakNext('stop');
    await expect(perform(activities.replaceMember, input)).rejects.toBeInstanceOf(EngineError);
    const fresh = host.containers.find('db');
    if (fresh !== null) fresh.name = 'db.refit-new';

    expect(await perform(activities.readContainer, place)).toMatchObject({ running: true, image: OLD, kept: [] });
  });

  it.each(['not JSON', '[]', '{}', '{"imageId":3}'])('labels that anybody wrote (%s) tell nothing', async (was) => {
    const { activities, place, host } = start();
    host.containers.add({
      ...{ name: 'odd', image: OLD, imageId: imageIdOf(OLD) },
      labels: { [memoryLabels.was]: was, 'dev.refit.upgrade': 'lab-0' },
    });
    host.containers.add({
      ...{ name: 'odder', image: OLD, imageId: imageIdOf(OLD), labels: { 'dev.refit.upgrade': 'Not A Name' } },
    });

    expect(await perform(activities.readContainer, { ...place, container: 'odd' })).toMatchObject({
      ...{ upgrade: 'lab-0', previousImageId: null },
    });
    expect(await perform(activities.readContainer, { ...place, container: 'odder' })).toMatchObject({ upgrade: null });
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFindMembers } from '../../activities/find-members.ts';
import type { ReplaceMemberInput } from '../../activities/member-activities.ts';
import { createPullImage } from '../../activities/pull-image.ts';
import { createDiscardKept, createPutBackMember, createRemovePulledImage } from '../../activities/put-back-member.ts';
import { createReadContainer } from '../../activities/read-container.ts';
import { ReleaseCache } from '../../activities/release-cache.ts';
import { createReplaceMember } from '../../activities/replace-member.ts';
import * as values from '../../drivers/bus-values.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import type { Engine } from '../../model/engine.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import { systemClock } from '../../worker/ports.ts';
import { fleet, hostIds } from '../fakes/fleet.ts';
import { MemoryBus } from '../fakes/memory-bus.ts';
import { readRelease } from '../fakes/release.ts';
import { startFakeRegistry, type FakeRegistry } from '../fakes/registry.ts';
import { busyboxTar, startEngine, type TestEngine } from '../parts/engine.ts';
import { at, perform, run } from './harness.ts';

const host = at(hostIds(1), 0);
const service = { name: parseServiceId('web'), selector: { [SERVICE_LABEL]: 'web' }, balancer: null };
const LOOP = ['sh', '-c', 'trap "exit 0" TERM; while :; do busybox sleep 1 & wait; done'];

let parts: { readonly real: TestEngine; readonly registry: FakeRegistry; readonly engine: Engine } | null = null;
/** The image as pulled, by tag and digest. */
let image = '';

beforeAll(async () => {
  const real = await startEngine();
  const registry = await startFakeRegistry();
  parts = { real, registry, engine: createEngine(real.access, host) };
  const folder = await mkdtemp(join(tmpdir(), 'refit-members-'));
  image = registry.add('team/web', [await readFile(await busyboxTar(folder))]).replace('@', ':2.0@');
  await rm(folder, { recursive: true });
  await real.importBusybox('web:1');
  const docker = new Docker({ socketPath: real.access.endpoint.slice('unix://'.length) });
  const labels = { [SERVICE_LABEL]: 'web' };
  const container = await docker.createContainer({ name: 'web-1', Image: 'web:1', Cmd: LOOP, Labels: labels });
  await container.start();
});

afterAll(async () => {
  await parts?.real.close();
  await parts?.registry.close();
});

/** The activities over the real engine. */
function members() {
  if (parts === null) throw new Error('the engine is not there');
  const { engine } = parts;
  const ports = {
    ...{ engine: () => engine, loadFleet: () => fleet(1), bus: new MemoryBus().connect(), values, clock: systemClock },
    registryAuth: async () => Promise.resolve(null),
    readEnvFile: async () => Promise.resolve({ SECRET: 'correct horse' }),
    loadBalancer: () => {
      throw new Error('there is none');
    },
    releases: new ReleaseCache({ readRelease: async () => Promise.resolve(readRelease()) }),
  };
  return {
    pullImage: createPullImage(ports),
    readContainer: createReadContainer(ports),
    replaceMember: createReplaceMember(ports),
    putBackMember: createPutBackMember(ports),
    discardKept: createDiscardKept(ports),
    removePulledImage: createRemovePulledImage(ports),
    findMembers: createFindMembers(ports),
  };
}

describe('a member on a real engine', () => {
  const place = { ...run, host, container: 'web-1' };
  const pull = { ...run, host, byteLimit: 1024 ** 3, diskFloorBytes: 0, deadlineMs: 60_000 };
  const replace = (): ReplaceMemberInput => ({
    ...place,
    ...{ image, settings: {}, envFile: '/any', mode: 'inPlace', keepOld: true, until: 'healthy', onFailure: 'putBack' },
    health: { minHealthyTimeMs: 500, deadlineMs: 20_000, probe: null },
  });

  it('gets an image named by tag and digest, is replaced, read, found, and put back', async () => {
    const { pullImage, replaceMember, readContainer, findMembers, putBackMember } = members();
    const before = await perform(readContainer, place);

    expect(await perform(pullImage, { ...pull, image })).toEqual({ outcome: 'pulled' });
    const first = await perform(replaceMember, replace());
    const again = await perform(replaceMember, replace());
    const another = await perform(replaceMember, { ...replace(), upgrade: parseUpgradeId('lab-2') });

    const after = await perform(readContainer, place);
    expect(first).toMatchObject({ outcome: 'replaced' });
    expect(again).toEqual({ ...first, awayMs: null });
    expect(another).toMatchObject({ outcome: 'alreadyThere' });
    expect(after).toMatchObject({ running: true, image, upgrade: 'lab-1', previousImageId: before?.imageId });
    expect(after?.kept).toHaveLength(1);
    const input = { ...run, service, mode: 'inPlace' as const, reference: image, release: null, after: null };
    expect(await perform(findMembers, input)).toMatchObject({
      ...{ members: [{ host, container: 'web-1', running: true, image }], findings: [] },
    });

    expect(await perform(putBackMember, { ...place, until: 'running' })).toMatchObject({ outcome: 'putBack' });
    expect(await perform(readContainer, place)).toEqual(before);
  });

  it('is replaced by the image’s id in create mode, and nothing is kept', async () => {
    const { pullImage, replaceMember, readContainer } = members();
    await perform(pullImage, { ...pull, image });

    expect(await perform(replaceMember, { ...replace(), mode: 'create' })).toMatchObject({ outcome: 'replaced' });

    const after = await perform(readContainer, place);
    expect(after).toMatchObject({ running: true, kept: [] });
    expect(after?.image).toBe(after?.imageId);
  });

  it('a pulled image goes when nothing uses it, and stays while something does', async () => {
    const { pullImage, removePulledImage } = members();
    const other = parts?.registry.add('team/other', [Buffer.alloc(1024)]).replace('@', ':1.0@') ?? '';
    await perform(pullImage, { ...pull, image: other });

    await perform(removePulledImage, { ...place, image: other });
    await perform(removePulledImage, { ...place, image });

    expect(await parts?.engine.inspectImage(other)).toBeNull();
    expect(await parts?.engine.inspectImage(image)).not.toBeNull();
  });

  it('a registry that dies in the middle of a layer is the environment’s fault', async () => {
    const { pullImage } = members();
    const broken = parts?.registry.add('team/broken', [Buffer.alloc(300_000, 'x')]) ?? '';
    parts?.registry.behave('dies');

    const result = await perform(pullImage, { ...pull, image: broken, deadlineMs: 3_000 });
    parts?.registry.behave('good');

    expect(result).toMatchObject({ outcome: 'failed', kind: 'environment' });
  });
});

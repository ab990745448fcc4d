import { describe, expect, it } from 'vitest';
import type { SlotMemberInput } from '../../activities/unit-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { parseHostId } from '../../model/ids.ts';
import { unitLabels, type UnitService } from '../../model/unit.ts';
import type { FakeContainer } from '../fakes/containers.ts';
import { imageOf, unitRelease } from '../model/units.ts';
import { perform } from './harness.ts';
import { memberOf, UnitHarness } from './unit-harness.ts';

const KEY = { file: 'key', to: '/etc/key.pem', mode: '0400', uid: 33, gid: 33 };
const API = 'shop-blue-api-1';

const withApi = (changes: Partial<UnitService>) =>
  unitRelease({ services: unitRelease().services.map((one) => (one.name === 'api' ? { ...one, ...changes } : one)) });

/** A unit whose images are on its hosts; `input` is about its api. */
async function start(changes: Partial<UnitService> = {}) {
  const harness = new UnitHarness(withApi(changes));
  const input = await harness.plan();
  for (const engine of harness.units.engines.values()) {
    for (const name of ['db', 'api', 'web']) engine.images.add(imageOf(name));
  }
  const engine = harness.units.engine('host-1');
  const asMember: SlotMemberInput = { ...input, member: memberOf(input, API) };
  return { ...harness.activities, harness, engine, input: asMember };
}

const found = ({ engine }: Awaited<ReturnType<typeof start>>): FakeContainer => {
  const container = engine.containers.find(API);
  if (container === null) throw new Error(`there is no ${API}`);
  return container;
};

describe('creating a member', () => {
  it('makes its container, not started, with what it is found again by', async () => {
    const started = await start({ env: { DB: '{db.address}', ME: '{unit} {slot} {host} {version}' } });

    await perform(started.createSlotMember, started.input);

    const { running, labels, spec } = found(started);
    expect(running).toBe(false);
    expect(labels).toMatchObject({
      ...{ [unitLabels.unit]: 'shop', [unitLabels.slot]: 'blue', [unitLabels.service]: 'api' },
      ...{ [unitLabels.address]: 'host-1.lab:20000', [unitLabels.version]: '1.0.0' },
    });
    expect(spec).toMatchObject({
      env: { DB: 'host-1.lab:25432', ME: 'shop blue host-1 1.0.0' },
      ports: ['20000:8080/tcp'],
      restart: 'unless-stopped',
    });
  });

  it('twice, or after an answer that was lost, makes one', async () => {
    const started = await start();
    started.engine.failNext('createContainer', 'unreachable', 'done');

    await expect(perform(started.createSlotMember, started.input)).rejects.toThrow(EngineError);
    const { id } = found(started);
    await perform(started.createSlotMember, started.input);
    await perform(started.createSlotMember, started.input);

    expect(found(started).id).toBe(id);
    expect(started.engine.containers.all()).toHaveLength(1);
  });

  it('makes refit’s own of another release anew', async () => {
    const started = await start();
    await perform(started.createSlotMember, started.input);
    const { id } = found(started);
    started.harness.units.publish('2.0.0', withApi({ env: { MODE: 'new' } }));

    await perform(started.createSlotMember, { ...started.input, release: started.harness.units.read().ref });

    expect(found(started).id).not.toBe(id);
    expect(found(started).spec?.env).toEqual({ MODE: 'new' });
  });

  it('leaves somebody else’s container of that name alone', async () => {
    const started = await start();
    const id = started.engine.run(API, 'other:1');

    await expect(perform(started.createSlotMember, started.input)).rejects.toThrow(/somebody else/);

    expect(found(started).id).toBe(id);
  });

  it('on a host that the fleet does not have is wrong input', async () => {
    const { createSlotMember, input } = await start();
    const elsewhere = { ...input, member: { ...input.member, host: parseHostId('host-9') } };

    await expect(perform(createSlotMember, elsewhere)).rejects.toThrow(
      'there is no host host-9 in fleet lab; its hosts are host-1, host-2',
    );
  });
});

describe('files', () => {
  it('are put into the container, also again after an answer that was lost', async () => {
    const started = await start({ files: [KEY] });
    await perform(started.createSlotMember, started.input);
    started.engine.failNext('putFiles', 'deadline', 'done');

    await expect(perform(started.putSlotFiles, started.input)).rejects.toThrow(EngineError);
    await perform(started.putSlotFiles, started.input);

    const files = [...found(started).files.values()];
    expect(files).toMatchObject([{ to: '/etc/key.pem', mode: '0400', uid: 33, gid: 33 }]);
    expect(Buffer.from(files[0]?.content ?? []).toString()).toBe('the-key-canary');
  });

  it('are in no label, variable or command of it', async () => {
    const started = await start({ files: [KEY] });

    await perform(started.createSlotMember, started.input);
    await perform(started.putSlotFiles, started.input);

    const { labels, spec } = found(started);
    expect(JSON.stringify({ labels, spec })).not.toContain('canary');
  });

  it('that can not be read any more are named, and not their content', async () => {
    const { harness, createSlotMember, putSlotFiles, input } = await start({ files: [KEY] });
    await perform(createSlotMember, input);
    harness.units.files.delete('/secrets/key.pem');

    await expect(perform(putSlotFiles, input)).rejects.toThrow('/secrets/key.pem: expected a file that can be read');
  });

  it('that the fleet file names no more are wrong input', async () => {
    const { harness, createSlotMember, putSlotFiles, input } = await start({ files: [KEY] });
    await perform(createSlotMember, input);
    harness.units.fleetUnit = { ...harness.units.fleetUnit, files: {} };

    await expect(perform(putSlotFiles, input)).rejects.toThrow('the fleet file names no file key for unit shop');
  });
});

describe('starting a member', () => {
  async function created(changes: Partial<UnitService> = {}) {
    const started = await start(changes);
    await perform(started.createSlotMember, started.input);
    return started;
  }

  it('twice, or after an answer that was lost, only waits for it to be well', async () => {
    const started = await created();
    started.engine.failNext('startContainer', 'unreachable', 'done');

    await expect(perform(started.startSlotMember, started.input)).rejects.toThrow(EngineError);

    expect(await perform(started.startSlotMember, started.input)).toEqual({ problem: null });
    expect(await perform(started.startSlotMember, started.input)).toEqual({ problem: null });
    expect(found(started).running).toBe(true);
  });

  it('says what the engine refuses, as the member’s own failure', async () => {
    const started = await created();
    await started.engine.createContainer({
      ...{ name: 'other', image: imageOf('api'), command: [], env: {}, ports: ['20000:80/tcp'], volumes: [] },
      ...{ network: 'default', restart: 'no', labels: {} },
    });
    await started.engine.startContainer('other');

    expect(await perform(started.startSlotMember, started.input)).toEqual({
      problem: `${API} on host-1: port 20000 is already allocated`,
    });
  });

  it.each(['unreachable', 'deadline'] as const)('does not take an engine that is away (%s) for it', async (kind) => {
    const started = await created();
    started.engine.failNext('startContainer', kind);

    await expect(perform(started.startSlotMember, started.input)).rejects.toThrow(EngineError);

    started.engine.failNext('awaitHealth', kind);
    await expect(perform(started.startSlotMember, started.input)).rejects.toThrow(EngineError);
  });

  it('names a member that does not become well, without any word of the unit’s files', async () => {
    const started = await created();
    started.engine.containers.sicken(API, 'can not log in with the-account-canary at db');

    expect(await perform(started.startSlotMember, started.input)).toEqual({
      problem: `${API} on host-1: can not log in with … at db`,
    });
  });

  it('that somebody has removed is its failure', async () => {
    const started = await created();
    await started.engine.removeContainer(API, { force: true });

    expect(await perform(started.startSlotMember, started.input)).toEqual({
      problem: `${API} on host-1: there is no container ${API}`,
    });
  });
});

import { describe, expect, it } from 'vitest';
import type { SlotHostInput } from '../../activities/unit-activities.ts';
import { EngineError } from '../../model/engine.ts';
import { parseHostId, parseServiceId } from '../../model/ids.ts';
import { networkName, unitLabels } from '../../model/unit.ts';
import { imageOf, shop, unitJob, unitMigration, unitRelease } from '../model/units.ts';
import { perform } from './harness.ts';
import { UnitHarness } from './unit-harness.ts';

const SHARED = networkName(shop, 'shared');
const HOST = parseHostId('host-1');
const bounds = { byteLimit: 1_000_000, diskFloorBytes: 0, deadlineMs: 60_000 };

async function start(unit = unitRelease()) {
  const harness = new UnitHarness(unit);
  const input: SlotHostInput = { ...(await harness.plan()), host: HOST };
  return { ...harness.activities, harness, input, engine: harness.units.engine('host-1') };
}

describe('the images of a slot', () => {
  it('on a host are those of its members and of the jobs beside them, and no others', async () => {
    const { harness, pullSlotImages, input } = await start(
      unitRelease({
        migrations: [unitMigration('orders-v2', { image: imageOf('migrate') })],
        tests: [unitJob('smoke', { beside: parseServiceId('web') })],
      }),
    );
    const host = parseHostId('host-2');

    const [first, second] = [
      await perform(pullSlotImages, { ...input, ...bounds }),
      await perform(pullSlotImages, { ...input, host, ...bounds }),
    ];

    const all = ['db', 'api', 'web', 'migrate', 'check'].map((name) => imageOf(name));
    expect(first).toEqual({ outcome: 'pulled', pulled: all });
    expect(second).toEqual({ outcome: 'pulled', pulled: [imageOf('web')] });
    expect(harness.units.engine('host-2').images).toContain(imageOf('web'));
  });

  it('that are there are not pulled again', async () => {
    const { pullSlotImages, input } = await start();
    await perform(pullSlotImages, { ...input, ...bounds });

    expect(await perform(pullSlotImages, { ...input, ...bounds })).toEqual({ outcome: 'alreadyThere', pulled: [] });
  });

  it('whose pull fails say whose fault it is, and what was pulled before', async () => {
    const { harness, pullSlotImages, input, engine } = await start();
    const pull = engine.pullImage.bind(engine);
    engine.pullImage = async (asked) => {
      if (asked.reference === imageOf('api')) engine.failNextPull('notFound');
      return pull(asked);
    };

    const result = await perform(pullSlotImages, { ...input, ...bounds });

    expect(result).toMatchObject({ outcome: 'failed', kind: 'input', pulled: [imageOf('db')] });
    harness.units.engine('host-1').down();
    expect(await perform(pullSlotImages, { ...input, ...bounds })).toMatchObject({
      ...{ outcome: 'failed', kind: 'environment', message: 'host host-1: no Docker Engine answers' },
    });
  });

  it('of another architecture are refused, and do not stay', async () => {
    const { pullSlotImages, input, engine } = await start();
    engine.foreign.set(imageOf('web'), 'arm64');

    const result = await perform(pullSlotImages, { ...input, ...bounds });

    expect(result).toMatchObject({ outcome: 'failed', kind: 'input' });
    expect(engine.images).not.toContain(imageOf('web'));
  });
});

describe('the networks of a slot', () => {
  /** Its members are created. */
  async function created() {
    const started = await start();
    const { harness, input, pullSlotImages, createSlotMember } = started;
    for (const host of harness.units.engines.keys()) await perform(pullSlotImages, { ...input, host, ...bounds });
    for (const member of input.plan.members) await perform(createSlotMember, { ...input, member });
    return started;
  }
  type Created = Awaited<ReturnType<typeof created>>;
  const networksOf = ({ engine }: Created, name: string): Readonly<Record<string, readonly string[]>> =>
    Object.fromEntries(engine.containers.find(name)?.networks ?? []);

  it('have its members under their services’ names, shared ones as well, and nobody else', async () => {
    const started = await created();

    await perform(started.joinSlotNetwork, started.input);

    expect(networksOf(started, 'shop-blue-api-1')).toEqual({ 'shop-blue': ['api'] });
    expect(networksOf(started, 'shop-shared-db-1')).toEqual({ 'shop-blue': ['db'], [SHARED]: ['db'] });
    const labels = { [unitLabels.unit]: 'shop', [unitLabels.slot]: 'blue' };
    expect(started.engine.slots.networks.get('shop-blue')).toEqual(labels);
  });

  it.each(['ensureNetwork', 'connectNetwork', 'disconnectNetwork'] as const)(
    'are the same when it is done again, or after an answer to %s that was lost',
    async (call) => {
      const started = await created();
      started.engine.failNext(call, 'unreachable', 'done');

      await expect(perform(started.joinSlotNetwork, started.input)).rejects.toThrow(EngineError);
      await perform(started.joinSlotNetwork, started.input);
      await perform(started.joinSlotNetwork, started.input);

      expect(networksOf(started, 'shop-blue-api-1')).toEqual({ 'shop-blue': ['api'] });
      expect(networksOf(started, 'shop-shared-db-1')).toEqual({ 'shop-blue': ['db'], [SHARED]: ['db'] });
    },
  );

  it('of the other slot get a shared member that runs, which stays in the earlier one', async () => {
    const started = await start();
    const { harness } = started;
    await harness.install();
    harness.units.publish('2.0.0', unitRelease());

    await harness.make(await harness.plan());

    const networks = Object.keys(networksOf(started, 'shop-shared-db-1')).sort();
    expect(networks).toEqual([SHARED, 'shop-blue', 'shop-green']);
    expect(started.engine.containers.find('shop-shared-db-1')?.running).toBe(true);
    expect(networksOf(started, 'shop-green-api-1')).toEqual({ 'shop-green': ['api'] });
  });

  it('that are somebody else’s stay as they are', async () => {
    const started = await created();
    started.engine.slots.networks.set('shop-blue', { owner: 'somebody' });

    await expect(perform(started.joinSlotNetwork, started.input)).rejects.toThrow(/shop-blue is somebody else/);

    expect(started.engine.slots.networks.get('shop-blue')).toEqual({ owner: 'somebody' });
  });
});

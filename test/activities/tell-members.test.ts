import { afterEach, describe, expect, it } from 'vitest';
import type { TellMembersInput } from '../../activities/member-activities.ts';
import { busKeys } from '../../model/bus.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import { fleetId } from '../fakes/fleet.ts';
import { at, perform, run, startHarness, type Harness } from './harness.ts';

const keys = busKeys(fleetId);
const service = parseServiceId('web');
const IMAGE = 'registry.lab:5000/web@sha256:2';
type States = TellMembersInput['states'];
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Telling = Harness & {
  readonly input: (...states: readonly States[number]['state'][]) => TellMembersInput;
  readonly key: (index: number) => string;
};

/** Member web-1 on each host of three. */
function start(): Telling {
  const started = (harness = startHarness(3));
  const member = (index: number) => ({ host: at(started.hosts, index), container: 'web-1' });
  return {
    ...started,
    input: (...states) => ({
      ...{ ...run, service, image: IMAGE },
      states: states.map((state, index) => ({ ...member(index), state })),
    }),
    key: (index) => keys.member(service, member(index)),
  };
}

describe('telling the states of members', () => {
  it('what is not Active is there as long as that lasts', async () => {
    const { activities, input, store, key } = start();

    await perform(activities.tellMembers, input('Updating', 'Failed', 'RolledBack'));

    expect(store.json(key(0))).toMatchObject({ v: 1, upgrade: 'lab-1', state: 'Updating', image: IMAGE });
    expect([1, 2].map((index) => store.json(key(index)))).toMatchObject([{ state: 'Failed' }, { state: 'RolledBack' }]);

    await perform(activities.tellMembers, input('Active', 'Active', 'Failed'));

    expect([0, 1].map((index) => store.json(key(index)))).toEqual([null, null]);
    expect(store.json(key(2))).toMatchObject({ state: 'Failed' });
  });

  it('what is told already keeps the time since when it is so, and is not written again', async () => {
    const { activities, another, input, bus, key } = start();
    await perform(activities.tellMembers, input('Updating'));
    const before = await bus.read(key(0));

    await perform(another().tellMembers, input('Updating'));

    expect(await bus.read(key(0))).toEqual(before);
  });

  it('another upgrade’s word, and what nobody can read, are written over', async () => {
    const { activities, input, bus, store, key } = start();
    await perform(activities.tellMembers, { ...input('Failed'), upgrade: parseUpgradeId('lab-0') });
    await bus.write({ conditions: [], puts: [{ key: key(1), value: 'not JSON' }] });

    await perform(activities.tellMembers, input('Failed', 'Failed'));

    expect([0, 1].map((index) => store.json(key(index)))).toMatchObject([{ upgrade: 'lab-1' }, { upgrade: 'lab-1' }]);
  });

  it.each(['applied', 'dropped'] as const)(
    'a write without an answer that was %s is settled by the next attempt',
    async (effect) => {
      const { activities, input, store, key } = start();
      store.loseNextAnswer(effect);

      await expect(perform(activities.tellMembers, input('Updating'))).rejects.toThrow(
        /states of web's members: no answer/,
      );
      await perform(activities.tellMembers, input('Updating'));

      expect(store.json(key(0))).toMatchObject({ state: 'Updating' });
    },
  );

  it('an attempt that stood still between its read and its write does not tell what is over', async () => {
    const { activities, another, input, bus, store, key } = start();
    const write = bus.write.bind(bus);
    bus.write = async (change) => {
      bus.write = write;
      await perform(another().tellMembers, input('Updating'));
      await perform(another().tellMembers, input('Failed'));
      return write(change);
    };

    await expect(perform(activities.tellMembers, input('Updating'))).rejects.toThrow(/somebody else wrote them/);

    expect(store.json(key(0))).toMatchObject({ state: 'Failed' });
  });
});

import { afterEach, expect, test } from 'vitest';
import { parseServiceId } from '../../model/ids.ts';
import type { BalancedUnit, SlotBalancer } from '../../model/slot-balancer.ts';
import { otherSlot, slots, type Slot } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';

/** The services of the unit's two frontends. */
export const web = parseServiceId('web');
export const api = parseServiceId('api');

/** A balancer that knows one unit, of which nobody has said anything: a new one, or one that is as new, for each test. */
export type TestedSlots = {
  readonly balancer: SlotBalancer;
  /** With a frontend for `web` and one for `api`, each with one healthy server a slot. */
  readonly unit: BalancedUnit;
  /** One that it does not know. */
  readonly unknown: BalancedUnit;
  /** Whose server answers a new request to the frontend; null: nothing stands behind this one. */
  readonly ask: ((service: 'web' | 'api') => Promise<Slot>) | null;
  /** From now on the check of the slot's servers fails, or passes again; null: it can't be had. */
  readonly makeHealthy: ((slot: Slot, healthy: boolean) => Promise<void>) | null;
  /** Somebody else leaves it such that it says `mixed`. */
  readonly confuse: () => Promise<void>;
  /** It starts again, having ended without a word; null: it can't. */
  readonly restart: (() => Promise<void>) | null;
  /** Nothing answers at its address any more. */
  readonly down: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** What every balancer of units keeps to; run against the real HAProxy, AWS's emulator and the one in memory. */
export function describeSlotBalancer(open: () => Promise<TestedSlots>): void {
  const opened: TestedSlots[] = [];
  afterEach(async () => {
    for (const tested of opened.splice(0)) await tested.close();
  });
  const start = async (): Promise<TestedSlots> => {
    const tested = await open();
    opened.push(tested);
    return tested;
  };

  test('a unit that nobody has said anything of is unset, and nothing is wrong with that', async () => {
    const { balancer, unit } = await start();

    expect(await balancer.active(unit)).toBe('unset');
    expect(await balancer.problems(unit)).toEqual([]);
  });

  test.each(slots)('a cutover to %s, once or twice, makes it the active slot', async (to) => {
    const { balancer, unit } = await start();

    for (let times = 0; times < 2; times++) {
      await balancer.cutOver(unit, to);

      expect(await balancer.active(unit)).toBe(to);
      expect(await balancer.problems(unit)).toEqual([]);
    }
  });

  test('requests go to the other slot and back as often as it is asked for', async ({ skip }) => {
    const { balancer, unit, ask } = await start();
    if (ask === null) return skip();

    for (const to of ['blue', 'green', 'blue', 'green'] as const) {
      await balancer.cutOver(unit, to);

      expect([await ask('web'), await ask('api')]).toEqual([to, to]);
    }
  });

  test.each(['blue', 'green', 'blue'] as const)(
    'after a cutover to %s the servers of both slots are seen',
    async (to) => {
      const { balancer, unit } = await start();
      await balancer.cutOver(unit, to);

      for (const slot of slots) {
        const servers = await balancer.servers(unit, slot);

        expect(servers.map(({ service }) => service)).toEqual([web, api]);
        for (const server of servers) expect(server).toMatchObject({ state: 'ready', health: 'up', sessions: 0 });
        const [others] = [await balancer.servers(unit, otherSlot(slot))];
        for (const { address } of servers) expect(others.map((other) => other.address)).not.toContain(address);
      }
    },
  );

  test('servers whose check fails are down in their slot alone, and up when it passes again', async ({ skip }) => {
    const { balancer, unit, makeHealthy } = await start();
    if (makeHealthy === null) return skip();
    const health = async (slot: Slot): Promise<readonly string[]> =>
      (await balancer.servers(unit, slot)).map((server) => server.health);

    await makeHealthy('green', false);
    await eventually(async () => expect(await health('green')).toEqual(['down', 'down']));
    expect(await health('blue')).toEqual(['up', 'up']);

    await makeHealthy('green', true);
    await eventually(async () => expect(await health('green')).toEqual(['up', 'up']));
  });

  test('requests are counted for the slot that answers them, or not at all', async () => {
    const { balancer, unit, ask } = await start();
    await balancer.cutOver(unit, 'green');
    if (ask === null) {
      expect(await balancer.traffic(unit, 'green')).toBeNull();
      return;
    }
    const [blue, before] = [await balancer.traffic(unit, 'blue'), await balancer.traffic(unit, 'green')];

    for (const service of ['web', 'api', 'web'] as const) await ask(service);

    const counted = { requests: (before?.requests ?? 0) + 3, errors: before?.errors };
    await eventually(async () => expect(await balancer.traffic(unit, 'green')).toEqual(counted));
    expect(await balancer.traffic(unit, 'blue')).toEqual(blue);
  });

  test('frontends that do not agree are mixed, which a cutover mends', async () => {
    const { balancer, unit, confuse } = await start();
    await balancer.cutOver(unit, 'blue');
    await confuse();
    expect(await balancer.active(unit)).toBe('mixed');

    await balancer.cutOver(unit, 'green');

    expect(await balancer.active(unit)).toBe('green');
    expect(await balancer.problems(unit)).toEqual([]);
  });

  test('where requests go is kept over a restart', async ({ skip }) => {
    const { balancer, unit, restart } = await start();
    if (restart === null) return skip();
    await balancer.cutOver(unit, 'green');

    await restart();

    expect(await balancer.active(unit)).toBe('green');
  });

  test('a unit that it does not know has problems, and is named in every failure', async () => {
    const { balancer, unknown } = await start();
    const notFound = { name: 'LoadBalancerError', kind: 'notFound' };

    expect(await balancer.problems(unknown)).not.toEqual([]);
    await expect(balancer.active(unknown)).rejects.toMatchObject(notFound);
    await expect(balancer.cutOver(unknown, 'green')).rejects.toMatchObject(notFound);
    await expect(balancer.servers(unknown, 'green')).rejects.toMatchObject(notFound);
  });

  test('a balancer that is away is unreachable, in every call', async () => {
    const { balancer, unit, ask, down } = await start();
    await down();
    const unreachable = { name: 'LoadBalancerError', kind: 'unreachable' };

    await expect(balancer.active(unit)).rejects.toMatchObject(unreachable);
    await expect(balancer.cutOver(unit, 'green')).rejects.toMatchObject(unreachable);
    await expect(balancer.servers(unit, 'green')).rejects.toMatchObject(unreachable);
    await expect(balancer.problems(unit)).rejects.toMatchObject(unreachable);
    if (ask !== null) await expect(balancer.traffic(unit, 'green')).rejects.toMatchObject(unreachable);
  });

  test('a call whose signal has fired throws the reason, and changes nothing', async () => {
    const { balancer, unit } = await start();
    await balancer.cutOver(unit, 'blue');
    const reason = new Error('enough');

    await expect(balancer.cutOver(unit, 'green', AbortSignal.abort(reason))).rejects.toBe(reason);

    expect(await balancer.active(unit)).toBe('blue');
    expect(await balancer.problems(unit)).toEqual([]);
  });
}

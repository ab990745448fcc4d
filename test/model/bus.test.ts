import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { busKeys, compareOrders, isSameOrder } from '../../model/bus.ts';
import { parseDigest, parseFleetId, parseHostId, parseUpgradeId } from '../../model/ids.ts';
import { RUNS } from './runs.ts';

const order = fc.record({ epoch: fc.nat({ max: 20 }), sequence: fc.nat({ max: 20 }) });

describe('orders', () => {
  test.each([
    [{ epoch: 1, sequence: 9 }, { epoch: 2, sequence: 1 }, -1],
    [{ epoch: 2, sequence: 1 }, { epoch: 2, sequence: 2 }, -1],
    [{ epoch: 2, sequence: 2 }, { epoch: 2, sequence: 2 }, 0],
    [{ epoch: 3, sequence: 1 }, { epoch: 2, sequence: 9 }, 1],
  ])('%o against %o', (a, b, sign) => {
    expect(Math.sign(compareOrders(a, b))).toBe(sign);
  });

  test('stand in one line: two are the same, or one is before the other', () => {
    fc.assert(
      fc.property(order, order, (a, b) => {
        expect(Math.sign(compareOrders(a, b)) + Math.sign(compareOrders(b, a))).toBe(0);
        expect(isSameOrder(a, b)).toBe(a.epoch === b.epoch && a.sequence === b.sequence);
      }),
      RUNS,
    );
  });

  test('what is before one is before all that follow it', () => {
    fc.assert(
      fc.property(order, order, order, (a, b, c) => {
        if (compareOrders(a, b) <= 0 && compareOrders(b, c) <= 0) expect(compareOrders(a, c)).toBeLessThanOrEqual(0);
      }),
      RUNS,
    );
  });

  test('a later run is after everything that an earlier one said', () => {
    fc.assert(
      fc.property(order, order, (a, b) => {
        if (a.epoch > b.epoch) expect(compareOrders(a, b)).toBeGreaterThan(0);
      }),
      RUNS,
    );
  });
});

describe('keys', () => {
  const keys = busKeys(parseFleetId('lab'));
  const host = parseHostId('host-1');
  const upgrade = parseUpgradeId('lab-7');

  test('are those of the protocol', () => {
    expect([keys.epoch, keys.order(host), keys.report(host), keys.alive(host)]).toEqual([
      '/refit/v1/lab/epoch',
      '/refit/v1/lab/hosts/host-1/order',
      '/refit/v1/lab/hosts/host-1/report',
      '/refit/v1/lab/hosts/host-1/alive',
    ]);
    expect([keys.chain(upgrade), keys.baton(upgrade), keys.hold(upgrade)]).toEqual([
      '/refit/v1/lab/upgrades/lab-7/chain',
      '/refit/v1/lab/batons/lab-7/baton',
      '/refit/v1/lab/upgrades/lab-7/hold',
    ]);
  });

  test('of one host lie under a prefix that no other host’s share', () => {
    expect(keys.order(host).startsWith(keys.host(host))).toBe(true);
    expect(keys.order(parseHostId('host-10')).startsWith(keys.host(host))).toBe(false);
  });

  test('pages of a plan are listed in their order', () => {
    const plan = parseDigest(`sha256:${'0123456789abcdef'.repeat(4)}`);
    const pages = [0, 2, 10, 100].map((page) => keys.planPage(upgrade, plan, page));

    expect([...pages].sort()).toEqual(pages);
    expect(pages.every((page) => page.startsWith(keys.plan(upgrade, plan)))).toBe(true);
  });
});

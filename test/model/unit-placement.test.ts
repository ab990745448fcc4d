import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseServiceId } from '../../model/ids.ts';
import { levelsOf, placeUnit } from '../../model/unit-placement.ts';
import { RUNS } from './runs.ts';
import { placeable, shop, unitRelease, unitService } from './units.ts';

describe('the members of a slot', () => {
  test('go to hosts in the fleet’s order, one each before a second one each', () => {
    const web = unitService('web', { members: 3, placement: { labels: {}, perHost: 2 } });

    const { members, short } = placeUnit({ name: shop, services: [web], addOns: [] }, 'green', placeable({}, {}));

    expect(short).toEqual([]);
    expect(members.map(({ host, container }) => `${host} ${container}`)).toEqual([
      'host-1 shop-green-web-1',
      'host-2 shop-green-web-2',
      'host-1 shop-green-web-3',
    ]);
  });

  test('go only to hosts that carry every label', () => {
    const web = unitService('web', { placement: { labels: { role: 'web', rack: '4' }, perHost: 1 } });
    const hosts = placeable({ role: 'web' }, { role: 'web', rack: '4' });

    const { members } = placeUnit({ name: shop, services: [web], addOns: [] }, 'blue', hosts);

    expect(members.map(({ host }) => host)).toEqual(['host-2']);
  });

  test('that find no host are said, with what there is', () => {
    const web = unitService('web', { members: 3, placement: { labels: { role: 'web' }, perHost: 1 } });

    const { short } = placeUnit({ name: shop, services: [web], addOns: [] }, 'blue', placeable({ role: 'web' }, {}));

    expect(short).toEqual([
      'service web wants 3 members, at most 1 a host, on hosts labelled role=web; there are 1: host-1',
    ]);
  });

  test('are joined by one of each add-on on every host that has one of the slot’s own', () => {
    const shipper = { ...unitService('shipper'), volumes: [] };
    const unit = { ...unitRelease(), addOns: [shipper] };

    const { members } = placeUnit(unit, 'green', placeable({}, {}, {}));

    const addOns = members.filter(({ kind }) => kind === 'addOn').map(({ host, container }) => `${host} ${container}`);
    expect(addOns).toEqual(['host-1 shop-green-shipper-1', 'host-2 shop-green-shipper-2']);
  });

  test('that both slots share have one name, whichever slot asks', () => {
    const of = (slot: 'blue' | 'green') => placeUnit(unitRelease(), slot, placeable({}, {})).members[0];

    expect(of('blue')).toMatchObject({ container: 'shop-shared-db-1', kind: 'shared' });
    expect(of('green')).toEqual(of('blue'));
  });

  test('start after those that they rest on', () => {
    const levels = levelsOf(unitRelease().services);

    expect(Object.fromEntries(levels)).toEqual({ db: 0, api: 1, web: 2 });
  });
});

test('any unit on any hosts: no host has more than its share, no container stands twice, and the same again is the same', () => {
  const service = fc.record({
    members: fc.integer({ min: 1, max: 8 }),
    perHost: fc.integer({ min: 1, max: 3 }),
    label: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.array(service, { minLength: 1, maxLength: 5 }),
      fc.array(fc.boolean(), { maxLength: 6 }),
      (wanted, labelled) => {
        const services = wanted.map(({ members, perHost, label }, index) =>
          unitService(`s${index}`, { members, placement: { labels: label ? { web: 'yes' } : {}, perHost } }),
        );
        const hosts = placeable(...labelled.map((is): Readonly<Record<string, string>> => (is ? { web: 'yes' } : {})));
        const unit = { name: shop, services, addOns: [] };

        const placed = placeUnit(unit, 'blue', hosts);

        expect(placeUnit(unit, 'blue', hosts)).toEqual(placed);
        expect(new Set(placed.members.map(({ container }) => container)).size).toBe(placed.members.length);
        for (const { name, members, placement } of services) {
          const own = placed.members.filter(({ service: of }) => of === name);
          const able = hosts.filter(({ labels }) => placement.labels['web'] === undefined || labels['web'] === 'yes');
          expect(own.length).toBe(Math.min(members, able.length * placement.perHost));
          for (const { name: host } of able) {
            expect(own.filter((member) => member.host === host).length).toBeLessThanOrEqual(placement.perHost);
          }
        }
      },
    ),
    RUNS,
  );
});

test('services that rest on each other in a circle end the reckoning all the same', () => {
  const round = [
    unitService('a', { dependsOn: [parseServiceId('b')] }),
    unitService('b', { dependsOn: [parseServiceId('a')] }),
  ];

  expect([...levelsOf(round).keys()].sort()).toEqual(['a', 'b']);
});

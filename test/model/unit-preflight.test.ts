import { describe, expect, test } from 'vitest';
import { parseHostId } from '../../model/ids.ts';
import { judgeUnit, type UnitHostReading, type UnitReading } from '../../model/unit-preflight.ts';
import { shop } from './units.ts';

const host1 = parseHostId('host-1');

const hostOf = (changes: Partial<UnitHostReading> = {}): UnitHostReading => ({
  ...{ host: host1, problem: null, lacksAddress: false, portsInUse: [], namesTaken: [] },
  ...changes,
});

/** Everything is well, but for the changes. */
const reading = (changes: Partial<UnitReading> = {}): UnitReading => ({
  ...{ unit: { name: shop }, counts: { isAsked: true, isCounted: true }, short: [], hosts: [hostOf()] },
  ...{ missingImages: [], files: [], balancerProblems: [], leftOver: [], otherImages: [] },
  ...changes,
});

const green = (ordinal: number) => ({ host: host1, container: `shop-green-web-${ordinal}` });
const db = { host: host1, container: 'shop-shared-db-1', has: 'db@sha256:1', wants: 'db@sha256:2' };

const cases: readonly (readonly [title: string, changes: Partial<UnitReading>, said: string])[] = [
  ['hosts that are too few', { short: ['service web wants 3 members'] }, 'unit: service web wants 3 members; label'],
  ['an image', { missingImages: [{ image: 'a@b', problem: 'gone' }] }, 'unit: image a@b: gone; publish it'],
  [
    'a file',
    { files: [{ name: 'key', problem: 'ENOENT' }] },
    'unit: file key: ENOENT; name it under units, shop, files in the fleet file',
  ],
  ['the balancer', { balancerProblems: ['it knows no map'] }, 'unit: it knows no map; mend the load balancer'],
  [
    'errors that nobody counts',
    { counts: { isAsked: true, isCounted: false } },
    'unit: the load balancer counts no requests, so a share of errors can not be watched; start it with: --max-error-rate none',
  ],
  ['an engine', { hosts: [hostOf({ problem: 'no answer' })] }, 'host-1: no answer; bring it back'],
  ['an address', { hosts: [hostOf({ lacksAddress: true })] }, 'host-1: it has no address'],
  ['a port', { hosts: [hostOf({ portsInUse: [80] })] }, 'host-1: port 80 is in use; free it'],
  ['a name', { hosts: [hostOf({ namesTaken: ['web'] })] }, 'host-1: a container web is there, and is not of this unit'],
  [
    'a shared service at another image',
    { otherImages: [db] },
    'host-1: shop-shared-db-1 runs db@sha256:1, the release names db@sha256:2; bring it there by itself: refit container upgrade host-1 shop-shared-db-1 db@sha256:2',
  ],
  [
    'what is left of the slot',
    { leftOver: [green(1)] },
    'host-1: the standby slot still has containers: shop-green-web-1 on host-1; remove them with: refit unit delete-standby shop',
  ],
];

describe('what preflight of a unit says', () => {
  test('is nothing when all is well', () => {
    expect(judgeUnit(reading())).toEqual([]);
  });

  test.each(cases)('is one error, with its place and what to do, about %s', (_, changes, said) => {
    const findings = judgeUnit(reading(changes));

    expect(findings.map(({ severity }) => severity)).toEqual(['error']);
    expect(findings.map(({ host, what, remedy }) => `${host ?? 'unit'}: ${what}; ${remedy}`)).toEqual([
      expect.stringContaining(said),
    ]);
  });

  test('is all of it at once', () => {
    const all = cases.reduce((sum: Partial<UnitReading>, [, changes]) => ({ ...sum, ...changes }), {});
    const hosts = cases.flatMap(([, changes]) => changes.hosts ?? []);

    expect(judgeUnit(reading({ ...all, hosts }))).toHaveLength(cases.length);
  });

  test('names the first container that is left, and counts the others', () => {
    const [finding] = judgeUnit(reading({ leftOver: [green(1), green(2), green(3)] }));

    expect(finding?.what).toBe('the standby slot still has containers: shop-green-web-1 on host-1 and 2 more');
  });

  test('of an engine that did not answer is that alone: nothing else of the host is known', () => {
    const unknown = hostOf({ problem: 'no answer', lacksAddress: true, portsInUse: [80], namesTaken: ['web'] });

    expect(judgeUnit(reading({ hosts: [unknown] })).map(({ what }) => what)).toEqual(['no answer']);
  });

  test('has nothing against a balancer that counts nothing when no share is asked for', () => {
    expect(judgeUnit(reading({ counts: { isAsked: false, isCounted: false } }))).toEqual([]);
  });
});

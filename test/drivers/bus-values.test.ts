import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeBusValue,
  parseAlive,
  parseBaton,
  parseChain,
  parseEpoch,
  parseHold,
  parseHostFacts,
  parseMemberLevel,
  parseOrder,
  parseReport,
} from '../../drivers/bus-values.ts';
import { agentPhases } from '../../model/agent-phase.ts';
import type { Alive, HostFacts, MemberLevel, Order, Report } from '../../model/bus.ts';
import { parseDigest, parseHostId, parseServiceId, parseStepId, parseUpgradeId } from '../../model/ids.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const upgrade = parseUpgradeId('lab-7');
const order: Order = {
  v: 1,
  upgrade,
  hop: 0,
  epoch: 3,
  sequence: 12,
  action: 'install',
  release: { name: 'sample', version: '2.0.0', repository: 'registry.lab:5000/sample', digest, contents: digest },
  step: null,
  service: null,
  edited: null,
  start: 'baton',
  deadlineMs: 600_000,
};
const facts: HostFacts = {
  diskFreeBytes: 1,
  diskTotalBytes: 2,
  kernel: '6.1',
  architecture: 'amd64',
  clockMs: 1_700_000_000_000,
  installed: { name: 'sample', version: '1.0.0', digest },
  agent: null,
  phase: 'idle',
  packages: { 'sample-daemon': { version: '1.0.0', restorable: true } },
  bootLoader: null,
  engine: null,
  drift: [],
};
const report: Report = {
  v: 1,
  upgrade,
  epoch: 3,
  sequence: 12,
  action: 'install',
  phase: 'reverted',
  refused: null,
  step: { id: parseStepId('daemon'), index: 0, count: 2, attempt: 1 },
  error: { step: parseStepId('daemon'), kind: 'unhealthy', message: 'no answer' },
  bootId: 'b',
  agent: '0.1.0',
  installed: null,
  measured: { 'package:sample-daemon': '1.0.0' },
  probe: null,
  startedAt: 1,
  finishedAt: 2,
  changedAt: 2,
};
const alive: Alive = { v: 1, agent: '0.1.0', bootId: 'b', phase: 'idle', epoch: 3, facts };

describe('values of the bus', () => {
  test('each kind of value reads back as it was written', () => {
    const hosts = [parseHostId('host-1'), parseHostId('host-2')];
    const epoch = { v: 1, epoch: 3, run: 'run-1', startedAt: 5 } as const;
    const chain = { v: 1, upgrade, epoch: 3, hosts } as const;
    const baton = { v: 1, epoch: 3, position: 2, holder: null } as const;
    const member: MemberLevel = { v: 1, upgrade, state: 'Updating', image: 'dns:2', since: 9 };
    const hold = { v: 1, epoch: 3, reason: 'lunch', since: 9 } as const;

    expect(parseOrder(encodeBusValue(order))).toEqual({ ok: true, value: order });
    expect(parseReport(encodeBusValue(report))).toEqual({ ok: true, value: report });
    expect(parseAlive(encodeBusValue(alive))).toEqual({ ok: true, value: alive });
    expect(parseEpoch(encodeBusValue(epoch))).toEqual({ ok: true, value: epoch });
    expect(parseChain(encodeBusValue(chain))).toEqual({ ok: true, value: chain });
    expect(parseBaton(encodeBusValue(baton))).toEqual({ ok: true, value: baton });
    expect(parseHold(encodeBusValue(hold))).toEqual({ ok: true, value: hold });
    expect(parseMemberLevel(encodeBusValue(member))).toEqual({ ok: true, value: member });
    expect(parseHostFacts(JSON.stringify(facts))).toEqual({ ok: true, value: facts });
  });

  test('an order to a service names its members, and one of an earlier version is for no service', () => {
    const service = { name: parseServiceId('dns'), containers: ['dns-1', 'dns_2'] };
    const told: Order = { ...order, action: 'service', service };
    const { service: _none, ...earlier } = order;

    expect(parseOrder(encodeBusValue(told))).toEqual({ ok: true, value: told });
    expect(parseOrder(JSON.stringify(earlier))).toEqual({ ok: true, value: order });
  });

  test('an order carries an operator’s answer for edited files; one of an earlier version has none', () => {
    const told: Order = { ...order, edited: 'keep' };
    const { edited: _none, ...earlier } = order;

    expect(parseOrder(encodeBusValue(told))).toEqual({ ok: true, value: told });
    expect(parseOrder(JSON.stringify(earlier))).toEqual({ ok: true, value: order });
  });

  test('facts tell of boot loader and engine; those of an earlier version say nothing of them', () => {
    const told = {
      ...facts,
      bootLoader: { name: 'grub', problem: '/boot is btrfs' },
      engine: { package: 'docker.io', version: '20.10.24' },
    };
    const { bootLoader: _none, engine: __none, ...earlier } = facts;

    expect(parseHostFacts(JSON.stringify(told))).toEqual({ ok: true, value: told });
    expect(parseHostFacts(JSON.stringify(earlier))).toEqual({ ok: true, value: facts });
  });

  test('facts say what has drifted; those of an earlier version say nothing of it', () => {
    const drift = ['/etc/motd differs from what 1.0.0 put there'];
    const { drift: _none, ...earlier } = facts;

    expect(parseHostFacts(JSON.stringify({ ...facts, drift }))).toEqual({ ok: true, value: { ...facts, drift } });
    expect(parseHostFacts(JSON.stringify(earlier))).toEqual({ ok: true, value: facts });
    expect(parseAlive(JSON.stringify({ ...alive, facts: earlier }))).toEqual({ ok: true, value: alive });
  });

  test('fields of a later version are ignored', () => {
    const later = JSON.stringify({ ...order, priority: 'high', release: { ...order.release, mirror: 'x' } });

    expect(parseOrder(later)).toEqual({ ok: true, value: order });
  });

  test.each([
    ['another version', { ...order, v: 2 }, 'v:'],
    ['an unknown action', { ...order, action: 'format' }, 'action:'],
    [
      'a digest that is none',
      { ...order, release: { ...order.release, digest: 'latest' } },
      'release.digest: expected a digest',
    ],
    ['a missing field', { ...order, epoch: undefined }, 'epoch:'],
    ['a sequence below nothing', { ...order, sequence: -1 }, 'sequence:'],
    ['an upgrade with a path in it', { ...order, upgrade: '../x' }, 'upgrade: expected an upgrade name'],
    ['nobody to serve', { ...order, action: 'service' }, 'service: an order for a service'],
    [
      'a container that is a path',
      { ...order, action: 'service', service: { name: 'dns', containers: ['../x'] } },
      'service.containers.0: not a name of a container',
    ],
    ['an answer that is none', { ...order, edited: 'ask' }, 'edited:'],
    ['no time at all', { ...order, deadlineMs: 0 }, 'deadlineMs:'],
  ])('an order with %s is unreadable, and the problem names the field', (_what, value, problem) => {
    expect(parseOrder(JSON.stringify(value))).toMatchObject({ ok: false });
    expect(JSON.stringify(parseOrder(JSON.stringify(value)))).toContain(`unreadable order (${problem}`);
  });

  test('every phase of an agent can be reported, and no other', () => {
    for (const phase of agentPhases)
      expect(parseReport(encodeBusValue({ ...report, phase }))).toMatchObject({ ok: true });
    expect(parseReport(JSON.stringify({ ...report, phase: 'sleeping' }))).toMatchObject({ ok: false });
  });

  test('a report with more measured entries than it may have is unreadable', () => {
    const measured = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`file:/${index}`, 'x']));

    expect(parseReport(encodeBusValue({ ...report, measured }))).toMatchObject({ ok: false });
  });

  test('no text at all makes a parser throw, and a problem stays short', () => {
    const parsers = [
      parseOrder,
      parseReport,
      parseAlive,
      parseEpoch,
      parseChain,
      parseBaton,
      parseHold,
      parseMemberLevel,
    ];
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.constant('x'.repeat(300_000))), (text) =>
        parsers.every((parse) => {
          const parsed = parse(text);
          return parsed.ok || parsed.problem.length < 600;
        }),
      ),
      { numRuns: 1_000 },
    );
  });
});

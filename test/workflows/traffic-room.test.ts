import { expect, test } from 'vitest';
import type { HostOutcome } from '../../model/host.ts';
import { parseHostId } from '../../model/ids.ts';
import type { ServerPlace } from '../../model/load-balancer.ts';
import { MAX_WAVE_HOSTS } from '../../model/plan.ts';
import type { Finding } from '../../model/upgrade.ts';
import { fitOutcomes, fitTraffic } from '../../workflows/fit.ts';
import { Traffic } from '../../workflows/traffic.ts';
import type { LeftDrained } from '../../workflows/wave-input.ts';

/** What Temporal takes as one payload; characters. */
const PAYLOAD = 16_000;

const hosts = Array.from({ length: MAX_WAVE_HOSTS }, (_, index) => parseHostId(`host-${index + 1}`));
const servers = Array.from({ length: 48 }, (_, index): ServerPlace => ({
  ...{ loadBalancer: 'edge', backend: 'web', server: `host-1-web-${index + 1}` },
}));
const left: readonly LeftDrained[] = hosts.map((host) => ({ host, servers }));
const findings = hosts.map((host): Finding => ({ host, severity: 'warning', what: 'x'.repeat(500), remedy: 'y' }));
const outcomes = fitOutcomes(
  hosts.map((host): HostOutcome => ({
    ...{ host, state: 'lost', from: '1.0.0', to: null, step: null, startedAt: null, finishedAt: null },
    error: 'z'.repeat(400),
  })),
);

test('the result of a wave of lost hosts fits into one payload, and keeps as much as there is room for', () => {
  const large = fitTraffic(outcomes, { leftDrained: left, findings });
  const small = fitTraffic(outcomes.slice(0, 1), { leftDrained: left.slice(0, 1), findings: findings.slice(0, 1) });

  expect(JSON.stringify({ outcomes, traffic: large }).length).toBeLessThan(PAYLOAD);
  expect(small).toEqual({ leftDrained: left.slice(0, 1), findings: findings.slice(0, 1) });
});

test('what is left drained goes to the next wave of these hosts until they end well', () => {
  const traffic = new Traffic();
  traffic.take({ outcomes, traffic: { findings: [], leftDrained: left.slice(0, 2) } });
  const before = traffic.leftOf(hosts.slice(1));

  traffic.take({ outcomes: outcomes.slice(1, 2), traffic: { findings: [], leftDrained: [] } });

  expect(before).toEqual([left[1]]);
  expect(traffic.leftOf(hosts)).toEqual([left[0]]);
});

test('the input of a wave has room for what earlier waves left drained', () => {
  const traffic = new Traffic();
  traffic.take({ outcomes, traffic: { findings: [], leftDrained: left } });

  expect(JSON.stringify(traffic.leftOf(hosts)).length).toBeLessThan(PAYLOAD / 2 + 500);
});

test('an upgrade keeps each warning once, few of them, and says how many more there were', () => {
  const traffic = new Traffic();
  for (let round = 0; round < 2; round++) traffic.take({ outcomes, traffic: { findings, leftDrained: [] } });

  const kept = traffic.findings();

  expect(kept).toHaveLength(8);
  expect(kept.at(-1)?.what).toBe(`${MAX_WAVE_HOSTS - 7} more warnings about members in traffic`);
});

import { describe, expect, test } from 'vitest';
import { parseServiceId } from '../../model/ids.ts';
import {
  defaultServicePolicy,
  MAX_MEMBERS,
  type ServicePolicy,
  type ServiceUpgradeInput,
} from '../../model/service.ts';
import { MAX_BYTES, MAX_EVENTS, worstHistory } from '../../model/service-history.ts';

/** What Temporal warns of; bytes. */
const WARNED_BYTES = 10_000_000;
const balancer = { loadBalancer: 'edge', backend: 'web', server: '{host}' };
const HOSTS = 200;

const input = (
  changes: Partial<ServicePolicy> = {},
  settings: ServiceUpgradeInput['settings'] = {},
): Pick<ServiceUpgradeInput, 'policy' | 'service' | 'settings'> => ({
  policy: { ...defaultServicePolicy, minAvailable: { percent: 90 }, ...changes },
  service: { name: parseServiceId('web'), selector: {}, balancer },
  settings,
});
const size = (phases: number): Parameters<typeof worstHistory>[0] => ({ members: MAX_MEMBERS, hosts: HOSTS, phases });

describe('the history of the largest service, there and back', () => {
  test('is within bounds in phases of ten behind a load balancer', () => {
    const { events, bytes } = worstHistory(size(MAX_MEMBERS / 10), input());

    expect(events).toBeLessThanOrEqual(MAX_EVENTS);
    expect(bytes).toBeLessThanOrEqual(WARNED_BYTES);
  });

  test('is not when members go one at a time', () => {
    expect(worstHistory(size(MAX_MEMBERS), input()).events).toBeGreaterThan(MAX_EVENTS);
  });

  test('grows with what is laid over each member', () => {
    const env = { NOTES: 'x'.repeat(12_000) };

    expect(worstHistory(size(MAX_MEMBERS / 10), input({}, { env })).bytes).toBeGreaterThan(MAX_BYTES);
  });

  test('is longer where nothing is kept for the way back, and shorter without a load balancer', () => {
    const usual = worstHistory(size(100), input()).events;
    const { service, ...rest } = input();

    expect(worstHistory(size(100), input({ mode: 'create' })).events).toBeGreaterThan(usual);
    expect(worstHistory(size(100), { ...rest, service: { ...service, balancer: null } }).events).toBeLessThan(usual);
  });
});

test('what the operating manual says of the largest service is so: phases of six or more', () => {
  expect(worstHistory(size(Math.ceil(MAX_MEMBERS / 6)), input()).events).toBeLessThanOrEqual(MAX_EVENTS);
  expect(worstHistory(size(MAX_MEMBERS / 5), input()).events).toBeGreaterThan(MAX_EVENTS);
});

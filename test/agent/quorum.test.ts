import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Quorum } from '../../agent/ports.ts';
import { eventually } from '../eventually.ts';
import { fastClock } from './fast-clock.ts';
import { filesStep, TestHost } from './test-host.ts';

let host: TestHost;
beforeEach(() => {
  host = new TestHost();
});
afterEach(() => host.close());

const motd = { version: '2.0.0', steps: [filesStep('motd', { motd: '/etc/motd' })], files: { motd: 'new' } };
const isInstalled = (): boolean => existsSync(join(host.folder, 'etc/motd'));

/** An etcd whose members come and go by a test's hand. */
function members(): { away: string | null; own: string | null; looks: number; quorum: Quorum } {
  const state = {
    ...{ away: null as string | null, own: null as string | null, looks: 0 },
    quorum: {
      away: () => {
        state.looks += 1;
        return Promise.resolve(state.away);
      },
      own: () => Promise.resolve(state.own),
    },
  };
  return state;
}

test('a host with a member of etcd begins only once all other members are there', async () => {
  const etcd = members();
  etcd.away = 'etcd at http://host-2:2379 is not healthy';
  const ref = host.stage(motd);
  host.start({ quorum: etcd.quorum });
  const order = await host.order(ref);
  await eventually(() => expect(etcd.looks).toBeGreaterThan(2));
  const waiting = host.report();
  const before = isInstalled();

  etcd.away = null;
  const report = await host.settled(order);

  expect(waiting?.phase).toBe('installing');
  expect(before).toBe(false);
  expect(report.phase).toBe('done');
});

test('a member elsewhere that stays away is named, and nothing was done', async () => {
  const etcd = members();
  etcd.away = 'etcd at http://host-2:2379 is not healthy';
  const ref = host.stage({ ...motd, host: { deadlineMs: 600_000 } });
  host.start({ quorum: etcd.quorum, clock: fastClock(500) });

  const report = await host.settled(await host.order(ref, { deadlineMs: 600_000 }));

  expect(report).toMatchObject({ phase: 'reverted', error: { step: null, kind: 'failed' } });
  expect(report.error?.message).toMatch(/^etcd at http:\/\/host-2:2379 is not healthy for 60 s, .* nothing was done$/);
  expect(isInstalled()).toBe(false);
});

test('a host is done only once its own member is back, also without a probe of its own', async () => {
  const etcd = members();
  etcd.own = "etcd's member http://host-1:2379 is not healthy";
  const ref = host.stage(motd);
  host.start({ quorum: etcd.quorum });
  const order = await host.order(ref);
  const verifying = await host.reported(order, ({ phase }) => phase === 'verifying');

  etcd.own = null;
  const report = await host.settled(order);

  expect(verifying.finishedAt).toBeNull();
  expect(report.phase).toBe('done');
});

test('a host whose own member does not come back goes back, and says so', async () => {
  const etcd = members();
  etcd.own = "etcd's member http://host-1:2379 is not healthy";
  const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 400 };
  const ref = host.stage({ ...motd, host: { health } });
  host.start({ quorum: etcd.quorum, clock: fastClock(100) });

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'reverted', error: { kind: 'unhealthy', step: null } });
  expect(report.error?.message).toContain('http://host-1:2379 is not healthy');
  expect(isInstalled()).toBe(false);
});

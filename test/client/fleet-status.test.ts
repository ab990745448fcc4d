import { describe, expect, it } from 'vitest';
import type { HostOnBus } from '../../client/bus-view.ts';
import { statusText } from '../../client/cli/fleet.ts';
import { hostStatus } from '../../client/fleet-status.ts';
import type { Alive, Report } from '../../model/bus.ts';
import { makeAlive, makeHostOnBus, makeReport, RELEASE } from './bus-values.ts';

const engine = {
  ...{ id: 'x', name: 'host-1', version: '20.10.24', architecture: 'x86_64', kernel: '6.1.0' },
  ...{ rootDir: '/var/lib/docker', storageDriver: 'overlay2', containers: 0, running: 0 },
};

const statusOf = (alive: Alive | null, report: Report | null): ReturnType<typeof hostStatus> => {
  const host: HostOnBus = { ...makeHostOnBus('host-1'), alive, report };
  return hostStatus(host, engine);
};

describe('the status of a host', () => {
  it('is what its living agent and its engine say', () => {
    expect(statusOf(makeAlive(), makeReport())).toEqual({
      name: 'host-1',
      version: '2.0.0',
      release: 'sample 2.0.0',
      state: 'done',
      agent: '0.1.0+abc',
      kernel: '6.1.0-18',
      engine: '20.10.24',
      measured: {},
      alive: true,
      lastReportAt: 1_000,
    });
  });

  it('has of what the last upgrade measured what is the host’s own', () => {
    const measured = {
      kernel: '6.1.0-56',
      'containers:kept': '3',
      'package:docker.io': '20.10.25',
      'file:/etc/a': 'x',
    };

    expect(statusOf(makeAlive(), makeReport({ measured })).measured).toEqual({
      kernel: '6.1.0-56',
      'containers:kept': '3',
    });
  });

  it('is the last report when the agent is silent', () => {
    expect(statusOf(null, makeReport({ phase: 'installing', installed: null }))).toMatchObject({
      version: null,
      state: 'installing',
      kernel: '6.1.0',
      alive: false,
    });
  });

  it('is unknown where there was never an agent and no engine answers', () => {
    expect(hostStatus(makeHostOnBus('host-2'), null)).toEqual({
      ...{ name: 'host-2', version: null, release: null, state: 'unknown', agent: null },
      ...{ kernel: null, engine: null, measured: {}, alive: false, lastReportAt: null },
    });
  });

  it('is the later word of agent and report, both by the host’s clock', () => {
    const report = makeReport({ installed: { ...RELEASE, version: '1.0.0' }, phase: 'reverted', changedAt: 5_000 });

    expect(statusOf(makeAlive({ clockMs: 4_000 }), report)).toMatchObject({ version: '1.0.0', state: 'reverted' });
    expect(statusOf(makeAlive({ clockMs: 6_000 }), report)).toMatchObject({ version: '2.0.0', state: 'done' });
  });

  it('is a table for people', () => {
    const text = statusText([statusOf(makeAlive(), makeReport()), hostStatus(makeHostOnBus('host-2'), null)], 61_000);

    expect(text.split('\n').slice(1)).toEqual([
      'host-1  sample 2.0.0  done     0.1.0+abc  alive   20.10.24   6.1.0-18  1m 0s ago',
      'host-2  –             unknown  –          silent  no answer  –         –',
    ]);
  });
});

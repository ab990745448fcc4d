import { describe, expect, it } from 'vitest';
import { changeLines, describeHost, MAX_HOST_LINES, progressLines, versions } from '../../client/cli/progress-lines.ts';
import { parseHostId } from '../../model/ids.ts';
import type { Progress, ServiceStanding } from '../../model/upgrade.ts';
import { BEGAN, makeHost, makeProgress, makeStanding, makeWaiting } from './progress.ts';

const textsAt = (progress: Parameters<typeof progressLines>[0], afterMs: number): readonly string[] =>
  progressLines(progress, BEGAN + afterMs).map((line) => line.text);

describe('the live view', () => {
  it('has a headline and a line a host, with the step at work', () => {
    const hosts = [
      makeHost('host-1', { state: 'done', to: '2.0.0', startedAt: BEGAN, finishedAt: BEGAN + 32_000 }),
      makeHost('host-2', { state: 'installing', step: 'packages 2/5', startedAt: BEGAN + 40_000 }),
      makeHost('host-10', { from: null }),
    ];

    expect(textsAt(makeProgress({ hosts }), 52_000)).toEqual([
      'upgrade lab-7: sample 2.0.0 on fleet lab   install, running   52s',
      '  host-1   done        1.0.0 → 2.0.0        32s',
      '  host-2   installing  1.0.0 → 2.0.0        12s  packages 2/5',
      '  host-10  pending     nothing → 2.0.0',
    ]);
  });

  it('shows the error of a failed host instead of its step', () => {
    const host = makeHost('host-1', { state: 'reverted', to: '1.0.0', step: 'packages', error: 'packages: disk full' });

    expect(textsAt(makeProgress({ hosts: [host] }), 0)[1]).toContain('packages: disk full');
    expect(progressLines(makeProgress({ hosts: [host] }), BEGAN)[1]?.tone).toBe('bad');
  });

  it('says what is waited for, since when, how long at most, and what moves it on', () => {
    const waiting = [makeWaiting({ what: 'the registry', until: BEGAN + 90_000, movedOnBy: 'the next look' })];

    expect(textsAt(makeProgress({ waiting, hosts: [] }), 30_000)[1]).toBe(
      'waits for the registry, since 30s, at most 1m 0s more; moved on by: the next look',
    );
  });

  it('gives the operator’s commands lines of their own, so that none is cut off', () => {
    const waiting = [makeWaiting({ movedOnBy: 'refit resume lab-7 | refit abort lab-7' })];

    expect(textsAt(makeProgress({ state: 'waiting', waiting, hosts: [] }), 0).slice(1)).toEqual([
      'waits for the operator, since 0 ms',
      '  refit resume lab-7',
      '  refit abort lab-7',
    ]);
  });

  it('leaves out the wait for a host that has its own line', () => {
    const hosts = [makeHost('host-1', { state: 'installing' })];
    const waiting = [makeWaiting({ what: 'host-1 to report', host: parseHostId('host-1'), movedOnBy: 'its agent' })];

    expect(textsAt(makeProgress({ hosts, waiting }), 0).join('\n')).not.toContain('host-1 to report');
  });

  it('shows the hosts at work or in trouble of a large fleet, and counts all', () => {
    const hosts = Array.from({ length: 500 }, (_, index) =>
      makeHost(`host-${index}`, {
        state: index < 300 ? 'done' : index < 305 ? 'installing' : index < 306 ? 'lost' : 'pending',
      }),
    );
    const texts = textsAt(makeProgress({ hosts }), 0);

    expect(texts).toHaveLength(1 + 6 + 1);
    expect(texts.at(-1)?.trim()).toBe('300 done, 5 installing, 1 lost, 194 pending');
  });

  it('never has more lines of hosts than its bound', () => {
    const hosts = Array.from({ length: 500 }, (_, index) => makeHost(`host-${index}`, { state: 'installing' }));

    expect(textsAt(makeProgress({ hosts }), 0).length).toBe(1 + MAX_HOST_LINES + 1);
  });
});

describe('the services of a release', () => {
  const web = makeStanding('web', { state: 'upgrading', members: 6 });

  it('have a line each, after the hosts', () => {
    const services = [web, makeStanding('db', { state: 'failed', members: 1, error: 'db-1 on host-1 exited' })];
    const lines = progressLines(makeProgress({ phase: 'services', services }), BEGAN);

    expect(lines.slice(-2)).toEqual([
      { text: '  service web upgrading registry.lab:5000/web@sha256:bbbbbbbbbbbb, 6 members', tone: 'working' },
      {
        text: '  service db failed registry.lab:5000/db@sha256:bbbbbbbbbbbb, 1 member: db-1 on host-1 exited',
        tone: 'bad',
      },
    ]);
  });

  it('are news in a log once they have begun, and when they end', () => {
    const at = (...services: readonly ServiceStanding[]): Progress => makeProgress({ hosts: [], services });

    expect(changeLines(at(), at(makeStanding('web')))).toEqual([]);
    expect(changeLines(at(makeStanding('web')), at(web))).toEqual([
      'service web upgrading registry.lab:5000/web@sha256:bbbbbbbbbbbb, 6 members',
    ]);
    expect(changeLines(at(web), at(web))).toEqual([]);
    expect(changeLines(at(web), at({ ...web, state: 'done' }))).toHaveLength(1);
  });
});

describe('the versions of a host', () => {
  it.each([
    ['on its way', makeHost('h', { state: 'installing' }), '1.0.0 → 2.0.0'],
    ['reverted, as it was', makeHost('h', { state: 'reverted', to: '1.0.0' }), '1.0.0'],
    ['reverted, with nothing said', makeHost('h', { state: 'reverted' }), '1.0.0'],
    ['rolled back', makeHost('h', { state: 'rolledBack', from: '2.0.0', to: '1.0.0' }), '2.0.0 → 1.0.0'],
    ['fresh', makeHost('h', { state: 'downloading', from: null }), 'nothing → 2.0.0'],
    ['there already', makeHost('h', { state: 'alreadyThere', from: '2.0.0', to: '2.0.0' }), '2.0.0'],
  ])('%s', (_, host, text) => expect(versions(host, '2.0.0')).toBe(text));
});

describe('the log of an upgrade where nothing can be redrawn', () => {
  it('begins with the upgrade and the hosts that have begun', () => {
    const hosts = [makeHost('host-1', { state: 'installing', step: 'packages 1/5' }), makeHost('host-2')];

    expect(changeLines(null, makeProgress({ hosts }))).toEqual([
      'upgrade lab-7: sample 2.0.0 on fleet lab: install, running',
      'host-1 installing 1.0.0 → 2.0.0, packages 1/5',
    ]);
  });

  it('says nothing when nothing has changed', () => {
    const progress = makeProgress({ waiting: [makeWaiting()], hosts: [makeHost('host-1', { state: 'installing' })] });

    expect(changeLines(progress, { ...progress })).toEqual([]);
  });

  it('has a line for each step of an install, but not for each percent of a download', () => {
    const at = (state: 'installing' | 'downloading', step: string) =>
      makeProgress({ hosts: [makeHost('host-1', { state, step })] });

    expect(changeLines(at('installing', 'a 1/2'), at('installing', 'b 2/2'))).toEqual([
      'host-1 installing 1.0.0 → 2.0.0, b 2/2',
    ]);
    expect(changeLines(at('downloading', 'pulling 10%'), at('downloading', 'pulling 20%'))).toEqual([]);
  });

  it('says a new wait once, even as its clock goes on', () => {
    const before = makeProgress({ hosts: [] });
    const after = { ...before, waiting: [makeWaiting({ what: 'the registry', movedOnBy: 'its return' })] };

    expect(changeLines(before, after)).toEqual(['waits for the registry; moved on by: its return']);
    expect(changeLines(after, after)).toEqual([]);
  });

  it('says a host’s error with its end', () => {
    const host = makeHost('host-2', { state: 'failed', error: 'no space left' });

    expect(describeHost(host, '2.0.0')).toBe('host-2 failed 1.0.0: no space left');
  });
});

import { describe, expect, it } from 'vitest';
import { mergeProgress, stepText } from '../../client/merge-progress.ts';
import { parseHostId } from '../../model/ids.ts';
import type { HostHeartbeat } from '../../model/upgrade.ts';
import { BEGAN, makeHost, makeProgress, makeWaiting } from './progress.ts';

const beat = (changes: Partial<HostHeartbeat> = {}): HostHeartbeat => ({
  host: parseHostId('host-1'),
  phase: 'installing',
  step: 'packages 2/5',
  attempt: 1,
  bytes: null,
  totalBytes: null,
  alive: true,
  lastSeen: BEGAN,
  position: null,
  ...changes,
});

describe('what is known of a running upgrade', () => {
  it('takes the hosts of the wave at work from its child', () => {
    const progress = makeProgress({
      hosts: [makeHost('host-1', { state: 'staged' }), makeHost('host-2', { state: 'staged' })],
    });
    const ofWave = makeHost('host-1', { state: 'done', to: '2.0.0', startedAt: BEGAN, finishedAt: BEGAN + 5 });
    const merged = mergeProgress(progress, { hosts: [ofWave], waiting: [] }, []);

    expect(merged.hosts).toEqual([ofWave, progress.hosts[1]]);
  });

  it('keeps what the upgrade knew and the child doesn’t', () => {
    const progress = makeProgress({ hosts: [makeHost('host-1', { wave: 'wave-1', to: '2.0.0' })] });
    const ofWave = makeHost('host-1', { state: 'downloading', from: null });

    expect(mergeProgress(progress, { hosts: [ofWave], waiting: [] }, []).hosts[0]).toMatchObject({
      state: 'downloading',
      from: '1.0.0',
      to: '2.0.0',
      wave: 'wave-1',
    });
  });

  it('keeps where a host came from on a path of several hops, of which the child knows one', () => {
    const hops = [
      { to: '1.5.0', state: 'done' },
      { to: '2.0.0', state: 'running' },
    ] as const;
    const progress = makeProgress({ hops, hosts: [makeHost('host-1')] });
    const ofWave = makeHost('host-1', { state: 'installing', from: '1.5.0' });

    expect(mergeProgress(progress, { hosts: [ofWave], waiting: [] }, []).hosts[0]).toMatchObject({
      state: 'installing',
      from: '1.0.0',
    });
  });

  it('drops the error of an earlier try once the host is tried again', () => {
    const progress = makeProgress({ hosts: [makeHost('host-1', { state: 'reverted', error: 'disk full' })] });
    const ofWave = makeHost('host-1', { state: 'installing' });

    expect(mergeProgress(progress, { hosts: [ofWave], waiting: [] }, []).hosts[0]).not.toHaveProperty('error');
  });

  it('shows a chain as its baton has it, which the upgrade hears of when the chain ends', () => {
    const staged = [1, 2, 3].map((number) => makeHost(`host-${number}`, { state: 'staged', wave: 'chain' }));
    const other = makeHost('host-0', { state: 'staged', wave: 'wave-1' });
    const holds = beat({ host: parseHostId('host-2'), step: 'kernel 1/3', position: 1 });

    const hops = [{ to: '2.0.0', state: 'running' }] as const;
    const progress = makeProgress({ hops, hosts: [other, ...staged] });
    const merged = mergeProgress(progress, { hosts: [], waiting: [] }, [holds]);

    expect(merged.hosts.map(({ state, to, step }) => [state, to, step])).toEqual([
      ['staged', null, null],
      ['done', '2.0.0', null],
      ['installing', null, 'kernel 1/3'],
      ['staged', null, null],
    ]);
  });

  it('leaves out hosts that the upgrade doesn’t have', () => {
    const merged = mergeProgress(makeProgress(), { hosts: [makeHost('host-9')], waiting: [] }, [
      beat({ host: parseHostId('host-8') }),
    ]);

    expect(merged.hosts.map((host) => host.name)).toEqual(['host-1']);
  });

  it('waits for what the upgrade and its wave wait for', () => {
    const progress = makeProgress({ waiting: [makeWaiting({ what: 'a' })] });

    expect(
      mergeProgress(progress, { hosts: [], waiting: [makeWaiting({ what: 'b' })] }, []).waiting.map(
        (wait) => wait.what,
      ),
    ).toEqual(['a', 'b']);
  });

  it('shows the step of a host at work, and of no other', () => {
    const at = (state: 'installing' | 'done') => makeProgress({ hosts: [makeHost('host-1', { state })] });

    expect(mergeProgress(at('installing'), null, [beat()]).hosts[0]?.step).toBe('packages 2/5');
    expect(mergeProgress(at('done'), null, [beat()]).hosts[0]?.step).toBeNull();
  });
});

describe('the step of a host', () => {
  it.each([
    ['installing', beat(), 'packages 2/5'],
    ['reverting', beat({ phase: 'reverting' }), 'reverting packages 2/5'],
    ['pulling with sizes', beat({ phase: 'pulling', step: null, bytes: 40, totalBytes: 100 }), 'pulling 40%'],
    [
      'pulling more than was announced',
      beat({ phase: 'pulling', step: null, bytes: 400, totalBytes: 100 }),
      'pulling 100%',
    ],
    ['pulling before sizes are known', beat({ phase: 'pulling', step: null, bytes: 0, totalBytes: 0 }), 'pulling'],
    ['rebooting', beat({ phase: 'rebooting', step: null }), 'rebooting'],
    ['not spoken yet', beat({ phase: null, step: null }), null],
    [
      'a host that is silent says since when',
      beat({ phase: 'rebooting', step: 'kernel.boot 2/3', alive: false, lastSeen: Date.UTC(2026, 10, 29, 9, 14, 5) }),
      'rebooting kernel.boot 2/3 (silent since 09:14:05Z)',
    ],
    ['one that has not been seen yet does not', beat({ phase: null, step: null, alive: false, lastSeen: null }), null],
  ])('%s', (_, heartbeat, text) => expect(stepText(heartbeat)).toBe(text));
});

import { describe, expect, it } from 'vitest';
import { parseUnitBeats, withUnitBeats } from '../../client/unit-beats.ts';
import { toUnitProgress } from '../../client/unit-parse.ts';
import type { UnitHeartbeat } from '../../model/unit-upgrade.ts';
import { BEGAN } from './progress.ts';
import { makeSteps, makeUnit } from './units.ts';

describe('the progress of a unit’s upgrade', () => {
  it('is read from what its workflow says', () => {
    const progress = makeUnit();

    expect(toUnitProgress(JSON.parse(JSON.stringify(progress)))).toEqual(progress);
  });

  it.each([
    ['nothing', null],
    ['a list', []],
    ['another kind of progress', { id: 'web-1', service: 'web', state: 'running', members: [] }],
    ['a state that no upgrade has', { ...makeUnit(), state: 'gone' }],
    ['a progress without its steps', { ...makeUnit(), steps: null }],
  ])('is not taken from %s', (_, value) => expect(toUnitProgress(value)).toBeNull());
});

describe('what an activity that works on a unit says', () => {
  const beat = (detail: string, unitStep: UnitHeartbeat['unitStep'] = 'pull'): UnitHeartbeat => ({ unitStep, detail });

  it('is read from heartbeats, among those of any other activity', () => {
    const others = ['', 'no json', 'null', '{"host":"host-1","stage":"pulling"}', '{"unitStep":"lunch","detail":""}'];

    expect(parseUnitBeats([...others, JSON.stringify(beat('web on host-1'))])).toEqual([beat('web on host-1')]);
  });

  it('is the detail of its step while that is at work', () => {
    const steps = makeSteps({
      preflight: { state: 'done', detail: '2 warnings' },
      pull: { state: 'running', startedAt: BEGAN, detail: 'on 2 hosts' },
    });
    const detailsWith = (...beats: readonly UnitHeartbeat[]): readonly (string | null)[] =>
      withUnitBeats(makeUnit({ steps }), beats)
        .steps.slice(0, 2)
        .map(({ detail }) => detail);

    expect(detailsWith()).toEqual(['2 warnings', 'on 2 hosts']);
    expect(detailsWith(beat('late', 'preflight'), beat(''))).toEqual(['2 warnings', 'on 2 hosts']);
    expect(detailsWith(beat('web on host-1'), beat('web on host-2'), beat('web on host-1'))).toEqual([
      '2 warnings',
      'web on host-1; web on host-2',
    ]);
  });

  it('is named for a few of many that are at work on one step', () => {
    const steps = makeSteps({ services: { state: 'running' } });
    const beats = Array.from({ length: 8 }, (_, index) => beat(`web-${index + 1}`, 'services'));

    expect(withUnitBeats(makeUnit({ steps }), beats).steps.find(({ name }) => name === 'services')?.detail).toBe(
      'web-1; web-2; web-3; 5 more',
    );
  });
});

import { describe, expect, it } from 'vitest';
import { beatText, parseMemberBeats, withContainerBeat, withServiceBeats } from '../../client/member-beats.ts';
import { parseHostId } from '../../model/ids.ts';
import type { MemberHeartbeat } from '../../model/member-heartbeat.ts';
import { makeContainer, makeMember, makeService } from './members.ts';

function beat(changes: Partial<MemberHeartbeat> = {}): MemberHeartbeat {
  return {
    ...{ host: parseHostId('host-1'), container: 'web-1', stage: 'checking', failed: null },
    ...{ bytes: null, totalBytes: null, sessions: null, since: null },
    ...changes,
  };
}

describe('what an activity that works on a container says', () => {
  it.each([
    ['its stage', {}, 'checking'],
    ['how much is pulled', { stage: 'pulling', bytes: 40, totalBytes: 100 }, 'pulling 40%'],
    ['a pull whose size nobody knows', { stage: 'pulling', bytes: 40, totalBytes: 0 }, 'pulling'],
    ['requests that are left', { stage: 'draining', sessions: 3 }, 'draining, 3 at work'],
    ['why it goes back', { stage: 'puttingBack', failed: 'exited with 1' }, 'puttingBack after: exited with 1'],
  ] as const)('is %s', (_, changes, text) => expect(beatText(beat(changes))).toBe(text));

  it('is read from heartbeats, among those of any other activity', () => {
    const texts = ['', 'no json', 'null', '{"read":3}', '{"host":"host-1","phase":null,"step":null}'];

    expect(parseMemberBeats([...texts, JSON.stringify(beat())])).toEqual([beat()]);
  });

  it('is the stage of the member that it is about; a pull is for all of its host', () => {
    const members = [makeMember('host-1', 'web-1', { stage: 'replacing' }), makeMember('host-1', 'web-2')];
    const stagesWith = (one: MemberHeartbeat): readonly (string | null)[] =>
      withServiceBeats(makeService({ members }), [one]).members.map(({ stage }) => stage);

    expect(stagesWith(beat())).toEqual(['checking', null]);
    expect(stagesWith(beat({ container: null, stage: 'pulling' }))).toEqual(['pulling', 'pulling']);
    expect(stagesWith(beat({ host: parseHostId('host-2') }))).toEqual(['replacing', null]);
  });

  it('is the stage of a container’s upgrade while something is done', () => {
    const container = makeContainer({ stage: 'replacing' });

    expect(withContainerBeat(container, [beat()]).stage).toBe('checking');
    expect(withContainerBeat(container, []).stage).toBe('replacing');
    expect(withContainerBeat(makeContainer(), [beat()]).stage).toBeNull();
  });
});

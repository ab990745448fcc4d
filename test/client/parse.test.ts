import { describe, expect, it } from 'vitest';
import { isProgress, parseHeartbeat } from '../../client/parse.ts';
import { makeProgress } from './progress.ts';

describe('what comes back from Temporal', () => {
  it('knows the progress that an upgrade ended with, also after its way through JSON', () => {
    expect(isProgress(JSON.parse(JSON.stringify(makeProgress())))).toBe(true);
  });

  it.each([null, 'text', [], {}, { ...makeProgress(), state: 'toString' }, { ...makeProgress(), hosts: null }])(
    'takes nothing else for a progress: %j',
    (value) => expect(isProgress(value)).toBe(false),
  );

  it('reads the heartbeat of an activity that works on a host', () => {
    expect(parseHeartbeat('{"host":"host-1","phase":null,"step":"a 1/2"}')).toMatchObject({
      host: 'host-1',
      step: 'a 1/2',
    });
  });

  it.each(['', 'not json', '{"read":3,"hosts":5}', '{"host":1,"phase":null,"step":null}', '[]', 'null'])(
    'ignores the heartbeat of any other activity: %s',
    (text) => expect(parseHeartbeat(text)).toBeNull(),
  );
});

import { describe, expect, it } from 'vitest';
import { parseHeartbeat, toProgress } from '../../client/parse.ts';
import { makeProgress } from './progress.ts';

describe('what comes back from Temporal', () => {
  it('knows the progress that an upgrade ended with, also after its way through JSON', () => {
    expect(toProgress(JSON.parse(JSON.stringify(makeProgress())))).toEqual(makeProgress());
  });

  it('reads the progress of an upgrade that ended before releases had services', () => {
    const { services: _, ...earlier } = makeProgress();

    expect(toProgress(earlier)).toEqual({ ...earlier, services: [] });
  });

  it('reads the progress of an upgrade that ended before there were paths of several hops', () => {
    const { hops: _, migrations: __, checkpoints: ___, forwardOnly: ____, ...earlier } = makeProgress();

    expect(toProgress(earlier)).toEqual(makeProgress());
  });

  it.each([null, 'text', [], {}, { ...makeProgress(), state: 'toString' }, { ...makeProgress(), hosts: null }])(
    'takes nothing else for a progress: %j',
    (value) => expect(toProgress(value)).toBeNull(),
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

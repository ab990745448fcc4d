import { describe, expect, it } from 'vitest';
import { containerChanges, containerLines } from '../../client/cli/container-lines.ts';
import { containerDocument, serviceDocument } from '../../client/cli/member-documents.ts';
import { MAX_MEMBER_LINES, serviceChanges, serviceLines } from '../../client/cli/service-lines.ts';
import { parseHostId } from '../../model/ids.ts';
import { makeContainer, makeMember, makeService, newImage } from './members.ts';
import { BEGAN, makeDecision, makeWaiting } from './progress.ts';

const textsOf = (lines: readonly { readonly text: string }[]): readonly string[] => lines.map(({ text }) => text);

describe('a container’s upgrade for people', () => {
  const replacing = makeContainer({ member: 'Updating', stage: 'replacing', to: newImage });

  it('says whose it is, what is done to it, and between which images', () => {
    expect(textsOf(containerLines(replacing, BEGAN + 3_000))).toEqual([
      'upgrade host-1-db-1: container db on host-1, fleet lab   3s',
      '  Updating, replacing, registry.lab:5000/db:1 → registry.lab:5000/db@sha256:cccccccccccc',
    ]);
  });

  it('says what it waits for, and its error in a line of its own', () => {
    const waiting = [makeWaiting({ what: 'the registry', until: BEGAN + 60_000, movedOnBy: 'the next try' })];
    const lines = containerLines({ ...replacing, waiting, error: 'it exited with 1' }, BEGAN);

    expect(textsOf(lines).slice(2)).toEqual([
      '  it exited with 1',
      'waits for the registry, since 0 ms, at most 1m 0s more; moved on by: the next try',
    ]);
    expect(lines[2]?.tone).toBe('bad');
  });

  it('has a line in a log for each thing that is done, and none when nothing has changed', () => {
    const before = makeContainer({ stage: 'pulling' });

    expect(containerChanges(null, before)).toEqual([
      'upgrade host-1-db-1: container db on host-1, fleet lab',
      'db on host-1: Active, pulling, registry.lab:5000/db:1',
    ]);
    expect(containerChanges(before, before)).toEqual([]);
    expect(containerChanges(before, replacing)).toHaveLength(1);
  });
});

describe('a service’s upgrade for people', () => {
  const atWork = makeService({
    phase: '1/2',
    members: [
      makeMember('host-1', 'web-1', { to: 'registry.lab:5000/web:2', awayMs: 400 }),
      makeMember('host-1', 'web-10', { state: 'Updating', stage: 'drain' }),
      makeMember('host-2', 'web-1', { state: 'Failed', error: 'it exited with 1' }),
      makeMember('host-3', 'web-1'),
    ],
  });

  it('has a headline and a line a member, with its stage, its error, or how long it was away', () => {
    expect(textsOf(serviceLines(atWork, BEGAN + 1_000))).toEqual([
      'upgrade web-1: service web to registry.lab:5000/web:2 on fleet lab   phase 1/2, running   1s',
      '  host-1  web-1   Active    registry.lab:5000/web:1 → registry.lab:5000/web:2  away for 400 ms',
      '  host-1  web-10  Updating  registry.lab:5000/web:1  drain',
      '  host-2  web-1   Failed    registry.lab:5000/web:1  it exited with 1',
      '  host-3  web-1   Active    registry.lab:5000/web:1',
    ]);
  });

  it('names of a large service those that failed, then those at work, and counts all', () => {
    const many = Array.from({ length: 200 }, (_, index) => makeMember(`host-${index + 1}`, 'dns'));
    const working = many.slice(50, 60).map((each) => ({ ...each, state: 'Updating' as const, stage: 'drain' }));
    const broken = { ...makeMember('host-199', 'dns'), state: 'Failed' as const, error: 'it exited with 1' };
    const members = [...many.slice(0, 50), ...working, ...many.slice(60, 198), broken, ...many.slice(199)];
    const waiting = [
      makeWaiting({ what: 'host-51/dns to finish', host: parseHostId('host-51'), movedOnBy: 'edge' }),
      makeWaiting({ what: 'the operator: it failed', host: broken.host, movedOnBy: 'refit service resume dns' }),
    ];

    const lines = textsOf(serviceLines(makeService({ members, waiting }), BEGAN)).slice(1);

    expect(lines.slice(0, 4)).toEqual([
      'waits for the operator: it failed, since 0 ms',
      '  refit service resume dns',
      '  host-199  dns  Failed    registry.lab:5000/web:1  it exited with 1',
      '  host-51   dns  Updating  registry.lab:5000/web:1  drain',
    ]);
    expect(lines.at(-1)).toBe('  189 Active, 10 Updating, 1 Failed');
    expect(lines).toHaveLength(2 + 11 + 1);
  });

  it('never names more members than can be read at once', () => {
    const members = Array.from({ length: 200 }, (_, index) =>
      makeMember(`host-${index + 1}`, 'dns', { state: 'Updating', stage: 'replacing' }),
    );

    expect(serviceLines(makeService({ members }), BEGAN)).toHaveLength(1 + MAX_MEMBER_LINES + 1);
  });

  it('gives the operator’s commands lines of their own', () => {
    const waiting = [makeWaiting({ movedOnBy: 'refit service resume web | refit service abort web' })];

    expect(textsOf(serviceLines(makeService({ state: 'paused', waiting, members: [] }), BEGAN)).slice(1)).toEqual([
      'waits for the operator, since 0 ms',
      '  refit service resume web',
      '  refit service abort web',
    ]);
  });

  it('begins its log with members that something is done to, and goes on with what changes', () => {
    const waiting = [makeWaiting({ what: 'web-10 to be drained', movedOnBy: 'its clients' })];

    expect(serviceChanges(null, atWork)).toEqual([
      'upgrade web-1: service web to registry.lab:5000/web:2 on fleet lab: phase 1/2, running',
      'web-10 on host-1 Updating, drain',
      'web-1 on host-2 Failed: it exited with 1',
    ]);
    expect(serviceChanges(atWork, atWork)).toEqual([]);
    expect(serviceChanges(atWork, { ...atWork, phase: '2/2', waiting })).toEqual([
      'upgrade web-1: service web to registry.lab:5000/web:2 on fleet lab: phase 2/2, running',
      'waits for web-10 to be drained; moved on by: its clients',
    ]);
  });
});

describe('upgrades of members for programs', () => {
  it('have every time as ISO 8601 and every other field as the model has it', () => {
    const at = '2026-01-02T03:04:05.000Z';
    const container = makeContainer({ keptUntil: BEGAN, waiting: [makeWaiting()] });
    const service = makeService({ decisions: [makeDecision()] });

    expect(containerDocument(container)).toEqual({
      ...{ ...container, startedAt: at, keptUntil: at },
      waiting: [{ ...container.waiting[0], since: at }],
    });
    expect(serviceDocument(service)).toEqual({
      ...{ ...service, startedAt: at },
      decisions: [{ ...service.decisions[0], at }],
    });
  });
});

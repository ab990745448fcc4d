import { describe, expect, it } from 'vitest';
import { unitDocument } from '../../client/cli/unit-document.ts';
import { allJobLines, jobLines, MAX_OUTPUT_LINES } from '../../client/cli/unit-job-lines.ts';
import { unitChanges, unitLines } from '../../client/cli/unit-lines.ts';
import { parseHostId } from '../../model/ids.ts';
import { BEGAN, makeDecision, makeWaiting } from './progress.ts';
import { done, makeJob, makeSteps, makeUnit, makeUnitMember } from './units.ts';

const textsOf = (lines: readonly { readonly text: string }[]): readonly string[] => lines.map(({ text }) => text);

describe('a unit’s upgrade for people', () => {
  const testing = makeUnit({
    step: 'tests',
    steps: makeSteps({
      preflight: done,
      expand: { state: 'skipped', detail: 'every migration is applied' },
      networks: { state: 'skipped' },
      services: { ...done, startedAt: BEGAN - 61_000 },
      tests: { state: 'running', detail: '1 of 2', startedAt: BEGAN + 1_000 },
    }),
  });

  it('says what goes where, which slot takes the requests, and has a line for each step that has begun', () => {
    expect(textsOf(unitLines(testing, BEGAN + 42_000))).toEqual([
      'upgrade shop-1: unit shop to sample 2.0.0 on fleet lab   step tests, running   42s',
      '  slot blue takes the requests',
      '  preflight  done          1s',
      '  expand     skipped           every migration is applied',
      '  services   done       1m 2s',
      '  tests      running      41s  1 of 2',
    ]);
  });

  it('has a tone for each state of a step', () => {
    const steps = makeSteps({
      ...{ preflight: done, expand: { state: 'skipped', detail: 'there is none' } },
      ...{ services: { state: 'failed', startedAt: BEGAN, detail: 'web:\n  unhealthy' }, return: { state: 'running' } },
    });
    const lines = unitLines(makeUnit({ active: null, steps }), BEGAN).slice(1);

    expect(lines.map(({ tone }) => tone)).toEqual(['good', 'quiet', 'bad', 'working']);
    expect(lines[2]?.text).toContain('web: unhealthy');
  });

  it('names members at work and those that failed, and counts all', () => {
    const members = [
      makeUnitMember('host-1', 'shop-green-web-1', { state: 'healthy' }),
      makeUnitMember('host-2', 'shop-green-web-2', { state: 'failed', error: 'it exited with 1' }),
      makeUnitMember('host-10', 'shop-green-web-3', { state: 'starting' }),
      makeUnitMember('host-3', 'shop-green-web-4', { state: 'healthy' }),
    ];
    const lines = unitLines(makeUnit({ active: null, members }), BEGAN).slice(1);

    expect(textsOf(lines)).toEqual([
      '  host-2   shop-green-web-2  failed    it exited with 1',
      '  host-10  shop-green-web-3  starting',
      '  members: 2 healthy, 1 failed, 1 starting',
    ]);
    expect(lines.map(({ tone }) => tone)).toEqual(['bad', 'working', 'quiet']);
  });

  it('counts requests and errors of the new slot', () => {
    const soaking = makeUnit({
      active: 'green',
      standby: 'blue',
      step: 'soak',
      traffic: { requests: 1_200, errors: 3 },
    });

    expect(textsOf(unitLines(soaking, BEGAN)).slice(1)).toEqual([
      '  slot green takes the requests, blue stands by',
      '  new slot since the cutover: 1200 requests, 3 errors (0.25%)',
    ]);
    expect(textsOf(unitLines({ ...soaking, traffic: { requests: 0, errors: 0 } }, BEGAN)).at(-1)).toBe(
      '  new slot since the cutover: 0 requests, 0 errors',
    );
  });

  it('gives waits, and the operator’s commands, lines of their own', () => {
    const waiting = [
      makeWaiting({ what: 'approval of the cutover', movedOnBy: 'refit unit approve shop | refit unit rollback shop' }),
    ];

    expect(textsOf(unitLines(makeUnit({ state: 'waiting', step: 'approval', waiting, active: null }), BEGAN))).toEqual([
      'upgrade shop-1: unit shop to sample 2.0.0 on fleet lab   step approval, waiting   0 ms',
      'waits for approval of the cutover, since 0 ms',
      '  refit unit approve shop',
      '  refit unit rollback shop',
    ]);
  });

  it('leaves out waits of which a member’s line says more, and says each other one once', () => {
    const host = parseHostId('host-1');
    const members = [makeUnitMember(host, 'shop-green-web-1', { state: 'starting' })];
    const engine = makeWaiting({ what: 'the engine of host-2', host: parseHostId('host-2'), movedOnBy: 'it' });
    const waiting = [makeWaiting({ what: 'web-1 to be healthy', host, movedOnBy: 'its engine' }), engine, engine];
    const unit = makeUnit({ active: null, members, waiting });

    expect(textsOf(unitLines(unit, BEGAN)).slice(1, -2)).toEqual([
      'waits for the engine of host-2, since 0 ms; moved on by: it',
    ]);
    expect(unitChanges(null, unit).slice(1)).toEqual(['waits for the engine of host-2; moved on by: it']);
  });

  it('says of an end of a standby slot that it is one', () => {
    expect(textsOf(unitLines(makeUnit({ release: null, step: 'delete' }), BEGAN))[0]).toBe(
      'upgrade shop-1: standby slot of unit shop goes on fleet lab   step delete, running   0 ms',
    );
  });
});

describe('jobs of a unit for people', () => {
  const long = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`).join('\n');

  it('are those at work, and those that failed with the end of what they said', () => {
    const jobs = [
      makeJob({ name: 'accounts' }),
      makeJob({ state: 'failed', exitCode: 3, output: long }),
      makeJob({ name: 'orders', state: 'running', exitCode: null, output: '' }),
    ];
    const lines = jobLines(jobs);

    expect(lines[0]).toEqual({ text: '  job smoke failed, exit code 3', tone: 'bad' });
    expect(textsOf(lines.slice(1, -1))).toEqual(
      Array.from({ length: MAX_OUTPUT_LINES }, (_, index) => `      line ${index + 21}`),
    );
    expect(lines.at(-1)).toEqual({ text: '  job orders running', tone: 'working' });
  });

  it('are all of them, with all that they said, where somebody looks them up', () => {
    const lines = textsOf(allJobLines([makeJob(), makeJob({ name: 'orders', output: long })]));

    expect(lines.slice(0, 3)).toEqual([
      '  job smoke succeeded, exit code 0',
      '      all is well',
      '  job orders succeeded, exit code 0',
    ]);
    expect(lines).toHaveLength(2 + 1 + 30);
  });

  it('can’t move the reader’s cursor with what they said', () => {
    const output = '\u001b[2J\u001b[31mred\u001b[0m\r\n\n\tindented\u0007\n';

    expect(textsOf(allJobLines([makeJob({ output })])).slice(1)).toEqual(['      red', '        indented']);
  });

  it('that did not end in time say that they have no exit code', () => {
    expect(textsOf(jobLines([makeJob({ state: 'failed', exitCode: null, output: '' })]))).toEqual([
      '  job smoke failed, without an exit code',
    ]);
  });
});

describe('a unit’s upgrade in a log', () => {
  it('begins with where it is, and is silent while nothing changes', () => {
    const before = makeUnit({ step: 'create', members: [makeUnitMember('host-1', 'shop-green-web-1')] });

    expect(unitChanges(null, before)).toEqual([
      'upgrade shop-1: unit shop to sample 2.0.0 on fleet lab: step create, running',
      'slot blue takes the requests',
    ]);
    expect(unitChanges(before, before)).toEqual([]);
  });

  it('has a line for each step, each member that is well, and each wait', () => {
    const members = [makeUnitMember('host-1', 'shop-green-web-1', { state: 'starting' })];
    const before = makeUnit({ step: 'services', members });
    const waiting = [makeWaiting({ what: 'the soak', movedOnBy: 'the time' })];
    const healthy = [{ ...members[0], ...makeUnitMember('host-1', 'shop-green-web-1', { state: 'healthy' }) }];

    expect(unitChanges(before, { ...before, members: healthy })).toEqual(['shop-green-web-1 on host-1 healthy']);
    expect(unitChanges(before, { ...before, step: 'soak', active: 'green', standby: 'blue', waiting })).toEqual([
      'upgrade shop-1: unit shop to sample 2.0.0 on fleet lab: step soak, running',
      'slot green takes the requests, blue stands by',
      'waits for the soak; moved on by: the time',
    ]);
  });

  it('tells once of a step that failed, with the end of what its job said', () => {
    const before = makeUnit({ step: 'tests', jobs: [makeJob({ state: 'running', exitCode: null, output: '' })] });
    const after = {
      ...before,
      jobs: [makeJob({ state: 'failed', exitCode: 1, output: 'no answer\n' })],
      steps: makeSteps({ tests: { state: 'failed', detail: 'smoke failed' } }),
    };

    expect(unitChanges(before, after)).toEqual([
      'job smoke failed, exit code 1',
      '    no answer',
      'step tests failed: smoke failed',
    ]);
    expect(unitChanges(after, after)).toEqual([]);
  });
});

describe('a unit’s upgrade for programs', () => {
  it('has every time as ISO 8601 and every other field as the model has it', () => {
    const at = '2026-01-02T03:04:05.000Z';
    const steps = makeSteps({ preflight: { state: 'running', startedAt: BEGAN } });
    const unit = makeUnit({ steps, keptUntil: BEGAN, waiting: [makeWaiting()], decisions: [makeDecision()] });
    const [preflight, ...pending] = steps;

    expect(unitDocument(unit)).toEqual({
      ...{ ...unit, startedAt: at, keptUntil: at, steps: [{ ...preflight, startedAt: at }, ...pending] },
      ...{ waiting: [{ ...unit.waiting[0], since: at }], decisions: [{ ...unit.decisions[0], at }] },
    });
  });
});

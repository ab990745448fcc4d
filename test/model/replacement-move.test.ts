import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOnWayBack, nextMove, nextMoveBack, type Move } from '../../model/replacement-move.ts';
import type { RestartSetting } from '../../model/replacement.ts';
import { RUNS } from './runs.ts';
import { SmallEngine, type Sickness } from './small-engine.ts';

/** More moves than one way has, there and back. */
const MAX_MOVES = 30;

const restart = fc.constantFrom<RestartSetting[]>(
  { policy: 'no', retries: 0 },
  { policy: 'always', retries: 0 },
  { policy: 'unless-stopped', retries: 0 },
  { policy: 'on-failure', retries: 3 },
);
/** What happens in the middle of an attempt, counted in its moves: it dies before or after a change, or the engine restarts. */
const trouble = fc.record({
  at: fc.nat({ max: 14 }),
  what: fc.constantFrom('dies before', 'dies after', 'engine restarts', 'both'),
});
const scenario = fc.record({
  was: fc.record({ running: fc.boolean(), restart, imageId: fc.constant('sha256:old') }),
  wanted: restart,
  sickness: fc.constantFrom<Sickness[]>(null, null, 'start', 'exit', 'health'),
  keepOld: fc.boolean(),
  stopFirst: fc.boolean(),
  troubles: fc.array(trouble, { maxLength: 6 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer Value> ? Value : never;
type Trouble = Scenario['troubles'][number];
type Ending = 'there' | 'back' | 'stopped' | 'died';

class Attempts {
  readonly engine: SmallEngine;
  readonly #troubles: Trouble[];
  #moves = 0;
  #due: Trouble | undefined;

  constructor(engine: SmallEngine, troubles: readonly Trouble[]) {
    this.engine = engine;
    this.#troubles = [...troubles];
  }

  /** Until one comes to its end. */
  run(attempt: () => Ending): Ending {
    for (let count = 0; count < 20; count += 1) {
      this.#moves = 0;
      this.#due = this.#troubles.shift();
      const ending = attempt();
      if (ending !== 'died') return ending;
    }
    throw new Error('no attempt came to its end');
  }

  forward(options: Pick<Scenario, 'keepOld'> & { readonly until: 'stopped' | 'healthy' }): Ending {
    let isHealthy = false;
    const { old, fresh } = this.engine;
    // An attempt that begins after the end: its caller sees that nothing is half-way.
    if (fresh?.at === 'place' && (old === null || old.at === 'kept')) return 'there';
    for (let count = 0; count < MAX_MOVES; count += 1) {
      const seen = this.engine.see();
      if (isOnWayBack(seen)) return this.back('running');
      const move = nextMove(seen, { ...options, isHealthy });
      if (move.move === 'end') return options.until === 'stopped' ? 'stopped' : 'there';
      const made = this.#make(move);
      if (made === 'died') return 'died';
      if (made === 'refused' && move.move !== 'remove') return this.back('running');
      isHealthy ||= move.move === 'check';
    }
    throw new Error('the way forward has no end');
  }

  back(until: 'stopped' | 'running'): Ending {
    for (let count = 0; count < MAX_MOVES; count += 1) {
      const move = nextMoveBack(this.engine.see(), { until });
      if (move.move === 'end') return until === 'stopped' ? 'stopped' : 'back';
      if (this.#make(move) === 'died') return 'died';
    }
    throw new Error('the way back has no end');
  }

  #make(move: Move): 'made' | 'refused' | 'died' {
    const due = this.#due?.at === this.#moves ? this.#due.what : null;
    this.#moves += 1;
    if (due === 'dies before') return 'died';
    const isMade = this.engine.make(move);
    this.#neverBoth(move);
    if (due === 'engine restarts' || due === 'both') this.engine.restart();
    this.#neverBoth(move);
    if (due === 'dies after' || due === 'both') return 'died';
    return isMade ? 'made' : 'refused';
  }

  #neverBoth({ move }: Move): void {
    const { old, fresh } = this.engine;
    if (old?.running === true && fresh?.running === true) throw new Error(`both run after ${move}`);
  }
}

const NO: RestartSetting = { policy: 'no', retries: 0 };

function expectThere({ old, fresh }: SmallEngine, { wanted, was, keepOld }: Scenario): void {
  expect(fresh).toMatchObject({ at: 'place', restart: wanted, wasTried: was.running });
  if (was.running) expect(fresh?.running === true || fresh?.endedByEngine === true).toBe(true);
  if (keepOld) expect(old).toMatchObject({ at: 'kept', running: false, restart: NO });
  else expect(old).toBeNull();
}

function expectBack({ old, fresh, was }: SmallEngine): void {
  expect(fresh).toBeNull();
  expect(old).toMatchObject({ at: 'place', restart: was.restart });
  if (was.running) expect(old?.running === true || old?.endedByEngine === true).toBe(true);
}

describe('the moves of a replacement', () => {
  test('whatever dies and restarts in between, one container runs under the name in the end, and never two', () => {
    fc.assert(
      fc.property(scenario, (given) => {
        const engine = new SmallEngine(given.was, given.wanted, given.sickness);
        const attempts = new Attempts(engine, given.troubles);
        const { keepOld } = given;
        if (given.stopFirst) {
          const first = attempts.run(() => attempts.forward({ keepOld, until: 'stopped' }));
          expect(first).toBe('stopped');
          expect([engine.old?.at, engine.fresh?.at]).toEqual(['aside', 'place']);
          expect([engine.old?.running, engine.fresh?.running]).toEqual([false, false]);
        }
        const ending = attempts.run(() => attempts.forward({ keepOld, until: 'healthy' }));

        if (ending === 'there') expectThere(engine, given);
        else expectBack(engine);
        if (given.sickness === null && given.troubles.length === 0) expect(ending).toBe('there');
        if (given.sickness !== null && given.was.running) expect(ending).toBe('back');
      }),
      RUNS,
    );
  });

  test('a replacement that kept the old container is taken back from its end, at once or in two steps', () => {
    fc.assert(
      fc.property(scenario, (given) => {
        const engine = new SmallEngine(given.was, given.wanted, null);
        const there = new Attempts(engine, []);
        there.run(() => there.forward({ keepOld: true, until: 'healthy' }));
        const attempts = new Attempts(engine, given.troubles);
        if (given.stopFirst) {
          expect(attempts.run(() => attempts.back('stopped'))).toBe('stopped');
          expect([engine.old?.at, engine.fresh?.at]).toEqual(['place', 'fresh']);
          expect([engine.old?.running, engine.fresh?.running]).toEqual([false, false]);
        }

        expect(attempts.run(() => attempts.back('running'))).toBe('back');

        expectBack(engine);
      }),
      RUNS,
    );
  });

  test('a way back may begin after any move of the way there', () => {
    fc.assert(
      fc.property(scenario, fc.nat({ max: 14 }), (given, at) => {
        const engine = new SmallEngine(given.was, given.wanted, null);
        const there = new Attempts(engine, [{ at, what: 'dies before' }]);
        const { keepOld } = given;
        const isDone = there.forward({ keepOld, until: 'healthy' }) === 'there';
        fc.pre(engine.fresh === null || engine.old !== null || !isDone);
        if (engine.fresh === null || engine.old === null) return;
        const attempts = new Attempts(engine, given.troubles);

        attempts.run(() => attempts.back('running'));

        expectBack(engine);
      }),
      RUNS,
    );
  });

  test('only stop, the loss of its restart policy and start lie within the time without service', () => {
    const always: RestartSetting = { policy: 'always', retries: 0 };
    const engine = new SmallEngine({ running: true, restart: always, imageId: '' }, always, null);
    const moves: string[] = [];
    for (let isHealthy = false; moves.at(-1) !== 'end' && moves.length < MAX_MOVES;) {
      const move = nextMove(engine.see(), { until: 'healthy', keepOld: false, isHealthy });
      moves.push(move.move);
      const isMade = engine.make(move);
      isHealthy ||= isMade && move.move === 'check';
    }

    expect(moves).toEqual([
      ...['create', 'wire', 'rename', 'rename'],
      ...['stop', 'setRestart', 'start'],
      ...['setRestart', 'check', 'remove', 'end'],
    ]);
  });
});

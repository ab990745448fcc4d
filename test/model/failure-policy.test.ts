import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideFailure } from '../../model/failure-policy.ts';
import { countOf, defaultPolicy, type Policy } from '../../model/policy.ts';
import { amounts, RUNS } from './runs.ts';

type Case = Partial<Parameters<typeof decideFailure>[0]>;

const decide = (given: Case = {}): ReturnType<typeof decideFailure> =>
  decideFailure({ policy: defaultPolicy, failures: 1, total: 10, verdict: 'unknown', environmentTries: 0, ...given });

const policy = (change: Partial<Policy>): Policy => ({ ...defaultPolicy, ...change });

describe('the rules, the first that holds wins', () => {
  test.each<{ name: string; given: Case; decision: string; rule: string }>([
    {
      name: 'the environment is waited out, also where the policy says roll back',
      given: { verdict: 'environment', policy: policy({ onFailure: 'rollback' }) },
      ...{ decision: 'retry', rule: 'environment' },
    },
    {
      name: 'an environment that stays broken is the operator’s',
      given: { verdict: 'environment', environmentTries: 30, policy: policy({ onFailure: 'rollback' }) },
      ...{ decision: 'ask', rule: 'environment' },
    },
    { name: 'by default it asks', given: {}, decision: 'ask', rule: 'on-failure pause' },
    {
      name: 'within the budget hosts are left behind',
      given: { failures: 2, policy: policy({ maxFailures: { hosts: 2 }, onFailure: 'rollback' }) },
      ...{ decision: 'skip', rule: 'max-failures' },
    },
    {
      name: 'a share is of the whole fleet',
      given: { failures: 3, policy: policy({ maxFailures: { percent: 25 } }) },
      ...{ decision: 'skip', rule: 'max-failures' },
    },
    {
      name: 'beyond the budget skip has nothing left to spend',
      given: { failures: 3, policy: policy({ maxFailures: { hosts: 2 }, onFailure: 'skip' }) },
      ...{ decision: 'ask', rule: 'on-failure skip' },
    },
    {
      name: 'beyond the budget the fleet goes back where the policy says so',
      given: { verdict: 'release', policy: policy({ onFailure: 'rollback' }) },
      ...{ decision: 'rollback', rule: 'on-failure rollback' },
    },
  ])('$name', ({ given, decision, rule }) => {
    expect(decide(given)).toMatchObject({ decision, rule });
  });
});

test('the reason says what was counted', () => {
  expect(decide({ failures: 3, total: 12 }).because).toBe('3 of 12 hosts failed, the budget is 0');
});

describe('whatever is given', () => {
  const given = fc.record({
    policy: fc
      .record({ onFailure: fc.constantFrom('pause', 'skip', 'rollback'), maxFailures: amounts })
      .map((change) => policy(change)),
    failures: fc.integer({ min: 1, max: 100 }),
    total: fc.integer({ min: 1, max: 100 }),
    verdict: fc.constantFrom('environment', 'release', 'unknown'),
    environmentTries: fc.nat({ max: 60 }),
  });

  test('the environment’s fault undoes and leaves nothing', () => {
    fc.assert(
      fc.property(given, (input) => {
        fc.pre(input.verdict === 'environment');

        expect(['retry', 'ask']).toContain(decideFailure(input).decision);
      }),
      RUNS,
    );
  });

  test('no more hosts are left behind than the budget has', () => {
    fc.assert(
      fc.property(given, (input) => {
        if (decideFailure(input).decision !== 'skip') return;

        expect(input.failures).toBeLessThanOrEqual(countOf(input.policy.maxFailures, input.total));
      }),
      RUNS,
    );
  });

  test('only a policy that says so rolls back', () => {
    fc.assert(
      fc.property(given, (input) => {
        if (decideFailure(input).decision === 'rollback') expect(input.policy.onFailure).toBe('rollback');
      }),
      RUNS,
    );
  });

  test('every decision says why', () => {
    fc.assert(
      fc.property(given, (input) => {
        const { rule, because } = decideFailure(input);

        expect(rule).not.toBe('');
        expect(because).not.toBe('');
      }),
      RUNS,
    );
  });
});

import { countOf, type Policy } from './policy.ts';

/** What the same probe said of a host that was not touched yet. `unknown`: there is no such host, or nothing to probe. */
export type Verdict = 'environment' | 'release' | 'unknown';

export type FailureDecision = {
  /** retry: wait, then try the same host again · skip: leave it and go on · ask: pause for the operator · rollback: all of them go back */
  readonly decision: 'retry' | 'skip' | 'ask' | 'rollback';
  readonly rule: string;
  readonly because: string;
};

/**
 * What to do about failed hosts, or members of a service. The rules, the first that holds wins:
 *
 * 1. The environment's fault is waited out and tried again; it uses no budget and undoes nothing.
 * 2. An environment that stays broken is the operator's to mend.
 * 3. Failures within the budget, counted over the whole fleet or service, are left behind.
 * 4. Beyond it the policy decides; `skip` has nothing left to spend, so it asks.
 */
export function decideFailure(input: {
  readonly policy: Pick<Policy, 'onFailure' | 'maxFailures' | 'environmentRetries'>;
  /** What can fail: a fleet's hosts, or a service's members. */
  readonly of?: 'hosts' | 'members';
  readonly failures: number;
  readonly total: number;
  readonly verdict: Verdict;
  readonly environmentTries: number;
}): FailureDecision {
  const { policy, of = 'hosts', failures, total, verdict, environmentTries } = input;
  const budget = countOf(policy.maxFailures, total);
  if (verdict === 'environment') {
    return environmentTries < policy.environmentRetries
      ? { decision: 'retry', rule: 'environment', because: 'the same probe fails on a host that was not touched' }
      : {
          decision: 'ask',
          rule: 'environment',
          because: `the environment stayed broken for ${environmentTries} tries`,
        };
  }
  const counted = `${failures} of ${total} ${of} failed, the budget is ${budget}`;
  if (failures <= budget) return { decision: 'skip', rule: 'max-failures', because: counted };
  switch (policy.onFailure) {
    case 'pause':
    case 'skip':
      return { decision: 'ask', rule: `on-failure ${policy.onFailure}`, because: counted };
    case 'rollback':
      return { decision: 'rollback', rule: 'on-failure rollback', because: counted };
  }
}

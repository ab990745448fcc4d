import { ActivityFailure, isCancellation } from '@temporalio/workflow';
import { decideFailure, type FailureDecision, type Verdict } from '../model/failure-policy.ts';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId, StepId } from '../model/ids.ts';
import { askAboutHosts } from './ask-about-hosts.ts';
import { isFatal, unlessEnded } from './gate.ts';
import { probing } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** What a failed host's failure was, and where a retry begins. */
export type Failed = {
  readonly host: HostId;
  readonly verdict: Verdict;
  readonly message: string;
  /** State in which the host is tried again. */
  readonly again: 'downloading' | 'staged';
};

/** Takes down how hosts ended, and decides on those that failed. */
export async function settleOutcomes(run: Run, outcomes: readonly HostOutcome[]): Promise<Ending> {
  for (const outcome of outcomes) run.record(outcome);
  run.show();
  const failed: Failed[] = [];
  for (const outcome of outcomes.filter(({ state }) => isFailure(state))) {
    // Only a step can be probed elsewhere: a host that is lost, stuck or unhealthy is no other host's fault.
    const isStep = outcome.state === 'reverted' || outcome.state === 'failed';
    const verdict = isStep ? await judge(run, outcome.step) : 'unknown';
    failed.push({ host: outcome.host, verdict, message: outcome.error ?? outcome.state, again: 'staged' });
  }
  return settle(run, failed);
}

/** Decides on failed hosts until each is to be tried again, or left; or until the upgrade ends. */
export async function settle(run: Run, failed: readonly Failed[]): Promise<Ending> {
  const decided = failed.map((failure) => ({ failure, decision: decide(run, failed, failure) }));
  const those = (wanted: FailureDecision['decision']): readonly Failed[] =>
    decided.flatMap(({ failure, decision }) => (decision === wanted ? [failure] : []));
  if (those('rollback').length > 0) return 'rollback';
  for (const { host } of those('skip')) {
    run.skippedByPolicy.add(host);
    run.takeAnswer(host);
    run.hop.move(host, 'skipped');
  }
  return (await ask(run, those('ask'))) ?? (await awaitEnvironment(run, those('retry'))) ?? 'go';
}

function decide(run: Run, failed: readonly Failed[], failure: Failed): FailureDecision['decision'] {
  const { host, verdict, message } = failure;
  // The environment's fault uses no budget, also not the one of a host that failed beside it.
  const blameless = new Set(failed.filter((other) => other.verdict === 'environment').map((other) => other.host));
  const { decision, rule, because } = decideFailure({
    policy: { ...run.input.policy, onFailure: run.onFailure() },
    failures: run.hop.failures().filter(({ name }) => !blameless.has(name)).length + run.skippedByPolicy.size,
    total: run.hop.hosts.size,
    verdict,
    environmentTries: run.environmentTries.get(host) ?? 0,
  });
  run.decide({ rule, decision: `${decision} ${host}`, because: `${message}; ${because}`, by: 'policy' });
  return decision;
}

/** null: every host has its answer. */
async function ask(run: Run, failed: readonly Failed[]): Promise<Ending | null> {
  const ending = await askAboutHosts(run, failed, 'failed');
  if (ending !== 'go') return ending;
  for (const failure of failed) {
    // Whoever answers has looked: the environment gets all its tries again.
    run.environmentTries.delete(failure.host);
    goOn(run, failure, run.takeAnswer(failure.host));
  }
  return null;
}

/** One wait for all hosts that the environment failed; an operator can cut it short. null: they are tried again. */
async function awaitEnvironment(run: Run, failed: readonly Failed[]): Promise<Ending | null> {
  const [first] = failed;
  if (first === undefined) return null;
  const { environmentRetryMs } = run.input.policy;
  const { wishes } = run;
  for (const { host } of failed) {
    wishes.open.add(host);
    run.environmentTries.set(host, (run.environmentTries.get(host) ?? 0) + 1);
  }
  const what = `the environment to mend itself (${first.message})`;
  const waiting = { what, host: first.host, movedOnBy: 'time, or whoever mends the environment' };
  const isAnswered = (): boolean => failed.some(({ host }) => wishes.retry.has(host) || wishes.skip.has(host));
  await run.wait(waiting, () => wishes.ending !== null || isAnswered(), environmentRetryMs);
  if (wishes.ending !== null) return wishes.ending;
  for (const failure of failed) goOn(run, failure, run.takeAnswer(failure.host));
  return null;
}

function goOn(run: Run, { host, again }: Failed, answer: 'retry' | 'skip' | null): void {
  run.hop.move(host, answer === 'skip' ? 'skipped' : again);
}

/** The environment's fault or the release's? The same probe on a host that was not touched tells. */
async function judge(run: Run, step: StepId | null): Promise<Verdict> {
  const untouched = run.hop.hostsIn('staged').find((name) => !run.hop.ordered.has(name));
  if (step === null || untouched === undefined) return 'unknown';
  const { fleet, upgrade, release } = run.hopInput();
  const input = { fleet, upgrade, release, step, host: untouched, epoch: run.epoch, sequence: run.takeSequence(1) };
  const summary = `would ${step} fail on ${untouched} too?`;
  const because = (evidence: string): string => `${step} on ${untouched}: ${evidence}`;
  const by = 'policy';
  const rule = 'environment-or-release';
  try {
    const probe = await unlessEnded(run, async () => probing.probeHost.executeWithOptions({ summary }, [input]));
    if (probe === null) return 'unknown';
    const verdict = probe.ok ? 'release' : 'environment';
    run.decide({ rule, decision: `the ${verdict} is at fault`, because: because(probe.evidence), by });
    return verdict;
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error) || isFatal(error)) throw error;
    run.decide({ rule, decision: 'unknown', because: because('the probe did not end'), by });
    return 'unknown';
  }
}

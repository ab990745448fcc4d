import { decideFailure, type Verdict } from '../model/failure-policy.ts';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId, StepId } from '../model/ids.ts';

import { ask } from './gate.ts';
import { quick } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** What a failed host's failure was, and where a retry begins. */
export type Failed = {
  readonly host: HostId;
  readonly verdict: Verdict;
  readonly message: string;
  readonly step: StepId | null;
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
    const verdict =
      outcome.state === 'reverted' || outcome.state === 'failed' ? await judge(run, outcome.step) : 'unknown';
    const message = outcome.error ?? outcome.state;
    failed.push({ host: outcome.host, verdict, message, step: outcome.step, again: 'staged' });
  }
  return settle(run, failed);
}

/** Decides on failed hosts until each is to be tried again, or left; or until the upgrade ends. */
export async function settle(run: Run, failed: readonly Failed[]): Promise<Ending> {
  for (const failure of failed) {
    const ending = await settleHost(run, failure);
    if (ending !== 'go') return ending;
  }
  return 'go';
}

async function settleHost(run: Run, failure: Failed): Promise<Ending> {
  const { host } = failure;
  const tries = run.environmentTries.get(host) ?? 0;
  const decision = decideFailure({
    policy: run.input.policy,
    failures: run.failures().length + run.skippedByPolicy.size,
    total: run.hosts.size,
    verdict: failure.verdict,
    environmentTries: tries,
  });
  run.decide({
    rule: decision.rule,
    decision: `${decision.decision} ${host}`,
    because: `${failure.message}; ${decision.because}`,
    by: 'policy',
  });
  switch (decision.decision) {
    case 'retry':
      run.environmentTries.set(host, tries + 1);
      return awaitEnvironment(run, failure);
    case 'skip':
      run.skippedByPolicy.add(host);
      run.move(host, 'skipped');
      return 'go';
    case 'rollback':
      return 'rollback';
    case 'ask':
      return askAboutHost(run, failure);
  }
}

async function awaitEnvironment(run: Run, failure: Failed): Promise<Ending> {
  const { environmentRetryMs } = run.input.policy;
  const what = `the environment to mend itself (${failure.message})`;
  const movedOnBy = 'time, or whoever mends the environment';
  await run.wait({ what, host: failure.host, movedOnBy }, () => run.wishes.ending !== null, environmentRetryMs);
  if (run.wishes.ending !== null) return run.wishes.ending;
  run.move(failure.host, failure.again);
  return 'go';
}

async function askAboutHost(run: Run, failure: Failed): Promise<Ending> {
  const { host, message } = failure;
  const { retry, skip } = run.wishes;
  const isAnswered = (): boolean => run.wishes.resume || retry.has(host) || skip.has(host);
  const ending = await ask(run, `${host} failed: ${message}`, isAnswered);
  if (ending !== 'go') return ending;
  const isSkipped = skip.delete(host);
  retry.delete(host);
  run.environmentTries.delete(host);
  run.move(host, isSkipped ? 'skipped' : failure.again);
  return 'go';
}

/** The environment's fault or the release's? The same probe on a host that was not touched tells. */
async function judge(run: Run, step: StepId | null): Promise<Verdict> {
  const [untouched] = run.hostsIn('staged');
  if (step === null || untouched === undefined) return 'unknown';
  const { fleet, upgrade } = run.input;
  const { release } = run.planned();
  const probe = await quick.probeHost.executeWithOptions({ summary: `would ${step} fail on ${untouched} too?` }, [
    { fleet, upgrade, release, step, host: untouched, epoch: run.epoch, sequence: run.takeSequence(1) },
  ]);
  const verdict = probe.ok ? 'release' : 'environment';
  run.decide({
    rule: 'environment-or-release',
    decision: verdict,
    because: `${step} on ${untouched}: ${probe.evidence}`,
    by: 'policy',
  });
  return verdict;
}

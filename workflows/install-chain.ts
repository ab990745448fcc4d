import { CancellationScope, isCancellation, startChild } from '@temporalio/workflow';
import type { HostId } from '../model/ids.ts';
import { MAX_WAVE_HOSTS, type WaveSummary } from '../model/plan.ts';
import { activityInput } from './chain-input.ts';
import { follow } from './follow.ts';
import { gate, insist } from './gate.ts';
import { quick, reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';
import { settleOutcomes } from './settle.ts';
import { upgradeChain } from './upgrade-chain.ts';
import { answersFor } from './wave-orders.ts';
import type { ChainResult, ChainWaveInput } from './wave-input.ts';

/** A daisy chain: from the first baton on the agents go by themselves; the upgrade watches, and decides where it stops. */
export async function installChain(run: Run, wave: WaveSummary): Promise<Ending> {
  // Hosts that were left before the chain began have no place in it; all places are counted without them.
  const skipped = run.hop.hostsOf(wave.name, 'skipped');
  const length = wave.hosts - skipped.length;
  if (length === 0) return 'go';
  let input = chainInput(run, wave, { offset: 0, skipped });
  // Every round moves the baton, or an operator or the policy says how to go on.
  for (;;) {
    const ending = await gate(run);
    if (ending !== 'go') return standDown(run, input, ending);
    const result = await insist(run, wave.name, async () => followChain(run, input, length));
    if (result === null) return standDown(run, input, run.wishes.ending ?? 'abort');
    await recordPassed(run, input, result);
    if (result.end === 'through') return 'go';
    if (result.outcome === null) {
      input = { ...input, isResumed: true };
      continue;
    }
    const settled = await settleOutcomes(run, [result.outcome]);
    if (settled !== 'go') return standDown(run, input, settled);
    const isRetried = run.hop.host(result.outcome.host).state === 'staged';
    const offset = isRetried ? result.position : result.position + 1;
    if (offset >= length) return 'go';
    input = chainInput(run, wave, { offset, skipped });
  }
}

async function followChain(run: Run, input: ChainWaveInput, length: number): Promise<ChainResult> {
  const staticSummary = `${input.name} of ${length} hosts to ${input.release.version}`;
  try {
    return await follow(run, input.name, async (options) =>
      startChild(upgradeChain, { ...options, staticSummary, args: [input] }),
    );
  } catch (error) {
    // Agents would hand the baton on although nobody wants them to any more.
    if (isCancellation(error)) await CancellationScope.nonCancellable(async () => standDown(run, input, 'abort'));
    throw error;
  }
}

function chainInput(
  run: Run,
  wave: WaveSummary,
  { offset, skipped }: { readonly offset: number; readonly skipped: readonly HostId[] },
): ChainWaveInput {
  const { policy } = run.input;
  const { fleet, upgrade, release, planDigest } = run.hopInput();
  const { hostDeadlineMs } = run.hop.planned;
  return {
    fleet,
    upgrade,
    release,
    planDigest,
    epoch: run.epoch,
    sequence: run.takeSequence(1),
    name: wave.name,
    offset,
    skipped,
    edited: answersFor(run, run.hop.hostsOf(wave.name, 'staged')),
    isResumed: false,
    deadlineMs: Math.min(hostDeadlineMs, policy.hostDeadlineMs),
    silenceMs: policy.silenceMs,
  };
}

/** Hosts that handed the baton on, with the times of their own reports. */
async function recordPassed(run: Run, input: ChainWaveInput, result: ChainResult): Promise<void> {
  for (let offset = input.offset; offset < result.position; offset += MAX_WAVE_HOSTS) {
    const limit = Math.min(MAX_WAVE_HOSTS, result.position - offset);
    const page = { ...activityInput(input), offset, limit };
    // Not to be ended by an operator: a host that is not known to be done would not go back either.
    for (const outcome of await quick.readOutcomes(page)) {
      if (run.hop.host(outcome.host).state === 'staged') run.record(outcome);
    }
  }
  run.show();
}

async function standDown(run: Run, input: ChainWaveInput, ending: Ending): Promise<Ending> {
  const withdrawn = { ...activityInput(input), sequence: run.takeSequence(1), reason: ending };
  await insist(run, 'standing the chain down', async () => reading.standDown(withdrawn));
  return ending;
}

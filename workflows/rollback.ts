import { startChild } from '@temporalio/workflow';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { MAX_WAVE_HOSTS, type WaveSummary } from '../model/plan.ts';
import { askAboutHosts } from './ask-about-hosts.ts';
import { gate, insist } from './gate.ts';
import { follow } from './follow.ts';
import type { Run } from './run.ts';
import { rollBackServices } from './services-back.ts';
import { upgradeWave } from './upgrade-wave.ts';
import { waveInput } from './wave-orders.ts';

/** Takes back what this upgrade changed: services, then waves and hosts in reverse order, with the same bound on hosts away. */
export async function rollBack(run: Run): Promise<'rolledBack' | 'aborted'> {
  run.isGoingBack = true;
  run.wishes.ending = null;
  // What failed on the way there is not tried again on the way back.
  for (const host of [...run.wishes.open]) run.takeAnswer(host);
  run.enter('rollingBack');
  if ((await rollBackServices(run)) === 'abort') return 'aborted';
  for (const wave of [...run.waves].reverse()) {
    if ((await revertWave(run, wave)) === 'abort') return 'aborted';
  }
  return 'rolledBack';
}

async function revertWave(run: Run, wave: WaveSummary): Promise<'go' | 'abort'> {
  const left = new Set(changedHosts(run, wave));
  // Every round takes a host back, or an operator says how to go on.
  while (left.size > 0) {
    if ((await gate(run)) !== 'go') return 'abort';
    const hosts = [...left].slice(0, MAX_WAVE_HOSTS);
    const result = await insist(run, `roll back of ${wave.name}`, async () => {
      const input = waveInput(run, wave, { action: 'revert', hosts });
      const staticSummary = `roll back ${hosts.length} hosts`;
      return follow(run, input.name, async (options) =>
        startChild(upgradeWave, { ...options, staticSummary, args: [input] }),
      );
    });
    if (result === null) return 'abort';
    run.traffic.take(result);
    for (const outcome of result.outcomes) {
      run.record(outcome);
      if (!isFailure(outcome.state)) left.delete(outcome.host);
    }
    run.show();
    const failed = result.outcomes.filter(({ state }) => isFailure(state));
    for (const host of await skippedOf(run, failed)) left.delete(host);
  }
  return run.ending() === 'go' ? 'go' : 'abort';
}

/** Reversed. A host that is stuck, was lost or failed may have been changed as well: its agent knows. */
function changedHosts(run: Run, wave: WaveSummary): readonly HostId[] {
  const hosts = run.hostsOf(wave.name, 'done', 'stuck', 'lost', 'failed');
  return hosts.filter((host) => run.ordered.has(host)).reverse();
}

/** Hosts that did not go back and that the operator leaves as they are; the others are tried again. */
async function skippedOf(run: Run, failed: readonly HostOutcome[]): Promise<readonly HostId[]> {
  const questions = failed.map(({ host, state, error }) => ({ host, message: error ?? state }));
  if ((await askAboutHosts(run, questions, 'did not go back')) !== 'go') return [];
  const skipped = failed.map(({ host }) => host).filter((host) => run.takeAnswer(host) === 'skip');
  for (const host of skipped) run.move(host, 'skipped');
  return skipped;
}

import { startChild } from '@temporalio/workflow';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { MAX_WAVE_HOSTS, type WaveSummary } from '../model/plan.ts';
import { askAboutHosts } from './ask-about-hosts.ts';
import { gate, insist } from './gate.ts';
import { follow } from './follow.ts';
import { undoMigrations } from './migrations-back.ts';
import type { Run } from './run.ts';
import { rollBackServices } from './services-back.ts';
import { upgradeWave } from './upgrade-wave.ts';
import { waveInput } from './wave-orders.ts';

/** Takes back what this upgrade changed, hop by hop down to the checkpoint, each whole before the one before it. */
export async function rollBack(run: Run): Promise<'rolledBack' | 'aborted'> {
  const staying = hopsThatStay(run);
  run.isGoingBack = true;
  run.wishes.ending = null;
  // What failed on the way there is not tried again on the way back.
  for (const host of [...run.wishes.open]) run.takeAnswer(host);
  run.enter('rollingBack');
  for (const index of [...run.hops.keys()].reverse()) {
    if (index < staying || run.hops[index]?.state === 'pending') continue;
    run.at = index;
    if ((await rollBackHop(run)) === 'abort') return 'aborted';
  }
  return 'rolledBack';
}

function hopsThatStay(run: Run): number {
  const { reachable } = run.checkpoints();
  const { to = null } = run.wishes;
  const wanted = to === null ? reachable[0] : reachable.find(({ name }) => name === to);
  return wanted?.hops ?? 0;
}

/** The reverse of the way there: each host and service finds what it had beside what it had it with. */
async function rollBackHop(run: Run): Promise<'go' | 'abort'> {
  run.hop.enter('rollingBack');
  for (const step of [
    async () => undoMigrations(run, 'contract'),
    async () => rollBackServices(run),
    async () => undoMigrations(run, 'expand'),
    async () => revertHosts(run),
  ]) {
    if ((await step()) === 'abort') return 'abort';
  }
  run.hop.enter('rolledBack');
  run.show();
  return 'go';
}

/** Waves and hosts in reverse order, with the same bound on hosts away. */
async function revertHosts(run: Run): Promise<'go' | 'abort'> {
  for (const wave of [...run.hop.waves].reverse()) {
    if ((await revertWave(run, wave)) === 'abort') return 'abort';
  }
  return 'go';
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
  const hosts = run.hop.hostsOf(wave.name, 'done', 'stuck', 'lost', 'failed');
  return hosts.filter((host) => run.hop.ordered.has(host) && !run.leftOnWayBack.has(host)).reverse();
}

/** Hosts that did not go back and that the operator leaves as they are; the others are tried again. */
async function skippedOf(run: Run, failed: readonly HostOutcome[]): Promise<readonly HostId[]> {
  const questions = failed.map(({ host, state, error }) => ({ host, message: error ?? state }));
  if ((await askAboutHosts(run, questions, 'did not go back')) !== 'go') return [];
  const skipped = failed.map(({ host }) => host).filter((host) => run.takeAnswer(host) === 'skip');
  for (const host of skipped) {
    run.hop.move(host, 'skipped');
    run.leftOnWayBack.add(host);
  }
  return skipped;
}

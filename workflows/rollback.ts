import { startChild } from '@temporalio/workflow';
import { isFailure } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { MAX_WAVE_HOSTS } from '../model/plan.ts';
import { ask, gate, insist } from './gate.ts';
import { follow } from './follow.ts';
import type { PlannedWave } from './install.ts';
import type { Run } from './run.ts';
import { upgradeWave } from './upgrade-wave.ts';
import type { WaveInput } from './wave-input.ts';

/** Takes every host that this upgrade changed back: waves and hosts in reverse order, with the same bound on hosts away. */
export async function rollBack(run: Run): Promise<'rolledBack' | 'aborted'> {
  run.isGoingBack = true;
  run.wishes.ending = null;
  run.enter('rollingBack');
  for (const wave of [...(run.plan?.waves ?? [])].reverse()) {
    if ((await revertWave(run, wave)) === 'abort') return 'aborted';
  }
  return 'rolledBack';
}

async function revertWave(run: Run, wave: PlannedWave): Promise<'go' | 'abort'> {
  // A host that is stuck or was lost may have been changed as well: its agent knows.
  const left = new Set([...run.hostsOf(wave.name, 'done', 'stuck', 'lost')].reverse());
  while (left.size > 0) {
    if ((await gate(run)) !== 'go') return 'abort';
    const hosts = [...left].slice(0, MAX_WAVE_HOSTS);
    const result = await insist(run, `roll back of ${wave.name}`, async () => {
      const input = revertInput(run, wave, hosts);
      const staticSummary = `roll back ${hosts.length} hosts`;
      return follow(run, input.name, async (options) =>
        startChild(upgradeWave, { ...options, staticSummary, args: [input] }),
      );
    });
    if (result === null) return 'abort';
    for (const outcome of result.outcomes) {
      run.record(outcome);
      if (!isFailure(outcome.state)) left.delete(outcome.host);
      else if (!(await isTriedAgain(run, outcome.host, outcome.error ?? outcome.state))) left.delete(outcome.host);
      if (run.wishes.ending !== null) return 'abort';
    }
    run.show();
  }
  return 'go';
}

async function isTriedAgain(run: Run, host: HostId, message: string): Promise<boolean> {
  const { retry, skip } = run.wishes;
  await ask(run, `${host} did not go back: ${message}`, () => run.wishes.resume || retry.has(host) || skip.has(host));
  retry.delete(host);
  if (!skip.delete(host)) return true;
  run.move(host, 'skipped');
  return false;
}

function revertInput(run: Run, wave: PlannedWave, hosts: readonly HostId[]): WaveInput {
  const { fleet, upgrade, policy } = run.input;
  const { release, hostDeadlineMs } = run.planned();
  return {
    fleet,
    upgrade,
    release,
    epoch: run.epoch,
    sequence: run.takeSequence(hosts.length),
    name: `rollback-${wave.name}`,
    action: 'revert',
    hosts: hosts.map((name) => ({ name, from: release.version })),
    maxUnavailable: wave.maxUnavailable,
    gatekeeper: false,
    deadlineMs: Math.min(hostDeadlineMs, policy.hostDeadlineMs),
    silenceMs: policy.silenceMs,
  };
}

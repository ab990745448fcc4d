import type { HostId } from '../model/ids.ts';
import type { WaveSummary } from '../model/plan.ts';
import type { Run } from './run.ts';
import type { WaveInput } from './wave-input.ts';

/** What a wave's child is told: its hosts are ordered to install, or to go back to where they were. */
export function waveInput(
  run: Run,
  wave: WaveSummary,
  { action, hosts }: { readonly action: WaveInput['action']; readonly hosts: readonly HostId[] },
): WaveInput {
  const { policy } = run.input;
  const { fleet, upgrade, release } = run.hopInput();
  const { hostDeadlineMs } = run.hop.planned;
  const isInstall = action === 'install';
  return {
    fleet,
    upgrade,
    release,
    epoch: run.epoch,
    sequence: run.takeSequence(hosts.length),
    name: isInstall ? wave.name : `rollback-${wave.name}`,
    action,
    hosts: hosts.map((name) => ({ name, from: isInstall ? run.hop.host(name).from : release.version })),
    edited: answersFor(run, hosts),
    maxUnavailable: wave.maxUnavailable,
    // Nobody waits for a gatekeeper on the way back: every host was here before.
    gatekeeper: isInstall && wave.gatekeeper && run.hop.hostsOf(wave.name, 'done').length === 0,
    deadlineMs: Math.min(hostDeadlineMs, policy.hostDeadlineMs),
    silenceMs: policy.silenceMs,
    balanced: run.planned().balanced,
    leftDrained: run.traffic.leftOf(hosts),
  };
}

/** What operators said about edited files of these hosts. */
export const answersFor = (run: Run, hosts: readonly HostId[]): NonNullable<WaveInput['edited']> =>
  hosts.flatMap((host) => {
    const answer = run.wishes.edited.get(host);
    return answer === undefined ? [] : [{ host, answer }];
  });

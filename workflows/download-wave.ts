import { CancellationScope, isCancellation, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { HostId } from '../model/ids.ts';
import type { HostState } from '../model/host.ts';
import type { HostProgress } from '../model/upgrade.ts';
import { hostTable } from './details.ts';
import { fitMessages } from './fit.ts';
import { stopWave, waveProgress, type StopOrder, type StopReason } from './messages.ts';
import { onHost } from './proxies.ts';
import type { DownloadWaveInput, DownloadWaveResult } from './wave-input.ts';

/** Puts the release on the hosts, so many at a time; a host that fails stops nobody else. */
export async function downloadWave(input: DownloadWaveInput): Promise<DownloadWaveResult> {
  const states = new Map<HostId, HostState>(input.hosts.map((host) => [host, 'pending']));
  const failed: DownloadWaveResult['failed'][number][] = [];
  const queue = [...input.hosts];
  const progress = (): readonly HostProgress[] =>
    input.hosts.map((name) => hostProgress(name, states.get(name) ?? 'pending', failed));
  setHandler(waveProgress, () => ({ hosts: progress(), waiting: [] }), { description: 'the hosts that download' });
  const scope = new CancellationScope();
  const stop = (reason: StopReason): void => {
    queue.splice(0);
    // A download changes nothing that is in service, so nobody waits for one that hangs.
    if (reason !== 'pause') scope.cancel();
  };
  setHandler(stopWave, (order?: StopOrder) => stop(order?.reason ?? 'pause'), {
    description: 'start no further download; what runs finishes, unless the upgrade ends',
  });

  const lane = async (): Promise<void> => {
    for (let host = queue.shift(); host !== undefined; host = queue.shift()) {
      states.set(host, 'downloading');
      setCurrentDetails(hostTable(progress()));
      const result = await download(input, host);
      if (result.outcome === 'failed') failed.push({ host, kind: result.kind, message: result.message });
      states.set(host, result.outcome);
    }
  };
  try {
    await scope.run(async () => Promise.all(Array.from({ length: input.maxParallel }, lane)));
  } catch (error) {
    const isStopped = scope.consideredCancelled && !CancellationScope.current().consideredCancelled;
    if (!isStopped || !isCancellation(error)) throw error;
  }

  setCurrentDetails(hostTable(progress()));
  return { staged: input.hosts.filter((host) => states.get(host) === 'staged'), failed: fitMessages(failed) };
}

async function download(
  input: DownloadWaveInput,
  host: HostId,
): ReturnType<typeof onHost.downloadRelease.executeWithOptions> {
  const { fleet, upgrade, release, byteLimit, diskFloorBytes, deadlineMs } = input;
  return onHost.downloadRelease.executeWithOptions({ summary: `download ${release.version} on ${host}` }, [
    { fleet, upgrade, host, release, byteLimit, diskFloorBytes, deadlineMs },
  ]);
}

function hostProgress(name: HostId, state: HostState, failed: DownloadWaveResult['failed']): HostProgress {
  const error = failed.find((failure) => failure.host === name)?.message;
  const nothing = { from: null, to: null, wave: null, step: null, startedAt: null, finishedAt: null };
  return { name, state, ...nothing, ...(error !== undefined && { error }) };
}

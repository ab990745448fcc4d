import { startChild } from '@temporalio/workflow';
import { MAX_WAVE_HOSTS } from '../model/plan.ts';
import { downloadWave } from './download-wave.ts';
import { follow } from './follow.ts';
import { gate, insist } from './gate.ts';
import type { Ending, Run } from './run.ts';
import { settle, type Failed } from './settle.ts';
import type { DownloadWaveInput, DownloadWaveResult } from './wave-input.ts';

/** Download phase: release, images and agent on every host, before the first one is changed. */
export async function download(run: Run): Promise<Ending> {
  run.enter('running', 'download');
  for (const host of run.hop.hostsIn('pending')) run.hop.move(host, 'downloading');
  // Ends because a host that is left was staged, skipped, or the operator or the policy ended the upgrade.
  for (;;) {
    const ending = await gate(run);
    if (ending !== 'go') return ending;
    const hosts = run.hop.hostsIn('downloading').slice(0, MAX_WAVE_HOSTS);
    if (hosts.length === 0) return 'go';
    const result = await insist(run, 'download', async () =>
      follow(run, 'download', async (options) =>
        startChild(downloadWave, {
          ...options,
          args: [waveInput(run, hosts)],
          staticSummary: `download to ${hosts.length} hosts`,
        }),
      ),
    );
    if (result === null) return run.wishes.ending ?? 'abort';
    for (const host of result.staged) run.hop.move(host, 'staged');
    const settled = await settle(
      run,
      result.failed.map((failure) => failedDownload(run, failure)),
    );
    if (settled !== 'go') return settled;
  }
}

function waveInput(run: Run, hosts: DownloadWaveInput['hosts']): DownloadWaveInput {
  const { policy } = run.input;
  const { fleet, upgrade, release } = run.hopInput();
  const { maxParallelDownloads: maxParallel, downloadByteLimit: byteLimit, diskFloorBytes } = policy;
  const deadlineMs = policy.downloadDeadlineMs;
  return { fleet, upgrade, release, hosts, maxParallel, byteLimit, diskFloorBytes, deadlineMs };
}

function failedDownload(run: Run, { host, kind, message }: DownloadWaveResult['failed'][number]): Failed {
  run.hop.move(host, 'failed');
  run.hop.note(host, message);
  run.wishes.open.add(host);
  return { host, message, verdict: kind, again: 'downloading' };
}

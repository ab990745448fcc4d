import type { HostHeartbeat, HostProgress, Progress } from '../model/upgrade.ts';
import type { WaveProgress } from '../workflows/messages.ts';

/**
 * The latest of everything that is known of a running upgrade. Pure.
 *
 * 1. Hosts of the wave at work are as its child says, for the upgrade hears of them when the wave ends.
 * 2. A child that knows less of a host (a download's does not know its versions) doesn't take away what was known.
 * 3. Where a host came from is the upgrade's to say where the path has several hops: the child knows only its own.
 * 4. The step at work is what the host's activity heartbeats.
 */
export function mergeProgress(
  progress: Progress,
  wave: WaveProgress | null,
  heartbeats: readonly HostHeartbeat[],
): Progress {
  const ofWave = new Map(wave?.hosts.map((host) => [host.name, host]));
  const beats = new Map(heartbeats.map((beat) => [beat.host, beat]));
  const isPath = progress.hops.length > 1;
  const hosts = progress.hosts.map((host) => {
    const merged = withStep(withWave(host, ofWave.get(host.name)), beats.get(host.name));
    return isPath ? { ...merged, from: host.from } : merged;
  });
  return { ...progress, hosts, waiting: [...progress.waiting, ...(wave?.waiting ?? [])] };
}

/** States in which a host is at work, and its heartbeat worth showing. */
export const isHostAtWork = (host: Pick<HostProgress, 'state'>): boolean =>
  host.state === 'downloading' || host.state === 'installing' || host.state === 'rollingBack';

function withWave(host: HostProgress, latest: HostProgress | undefined): HostProgress {
  if (latest === undefined) return host;
  const { error: _, ...known } = host;
  return {
    ...known,
    state: latest.state,
    from: latest.from ?? host.from,
    to: latest.to ?? host.to,
    wave: latest.wave ?? host.wave,
    step: latest.step ?? host.step,
    startedAt: latest.startedAt ?? host.startedAt,
    finishedAt: latest.finishedAt ?? host.finishedAt,
    ...(latest.error !== undefined && { error: latest.error }),
  };
}

function withStep(host: HostProgress, beat: HostHeartbeat | undefined): HostProgress {
  if (beat === undefined || !isHostAtWork(host)) return host;
  return { ...host, step: stepText(beat) ?? host.step };
}

/** `packages 2/5`, `pulling 40%`, `rebooting`; what the host does now, in few words. */
export function stepText(beat: HostHeartbeat): string | null {
  if (beat.bytes !== null && beat.totalBytes !== null && beat.totalBytes > 0) {
    return `${beat.phase ?? 'pulling'} ${Math.min(100, Math.floor((100 * beat.bytes) / beat.totalBytes))}%`;
  }
  const isSaid = beat.phase === null || beat.phase === 'installing';
  if (beat.step === null) return beat.phase;
  return isSaid ? beat.step : `${beat.phase} ${beat.step}`;
}

import type { HostId } from '../model/ids.ts';
import type { HostHeartbeat, HostProgress, Progress } from '../model/upgrade.ts';
import type { WaveProgress } from '../workflows/messages.ts';

/**
 * The latest of everything that is known of a running upgrade. Pure.
 *
 * 1. Hosts of the wave at work are as its child says, for the upgrade hears of them when the wave ends.
 * 2. A child that knows less of a host (a download's does not know its versions) doesn't take away what was known.
 * 3. Where a host came from is the upgrade's to say where the path has several hops: the child knows only its own.
 * 4. In a chain, who has the baton is at work, and who had it before has handed it on, and so is done.
 * 5. The step at work is what the host's activity heartbeats.
 */
export function mergeProgress(
  progress: Progress,
  wave: WaveProgress | null,
  heartbeats: readonly HostHeartbeat[],
): Progress {
  const ofWave = new Map(wave?.hosts.map((host) => [host.name, host]));
  const beats = new Map(heartbeats.map((beat) => [beat.host, beat]));
  const isPath = progress.hops.length > 1;
  const ofChild = progress.hosts.map((host) => withWave(host, ofWave.get(host.name)));
  const known = withBaton(ofChild, beats, progress.hops.find(({ state }) => state === 'running')?.to ?? null);
  const hosts = known.map((host, index) => {
    const merged = withStep(host, beats.get(host.name));
    return isPath ? { ...merged, from: progress.hosts[index]?.from ?? null } : merged;
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

/** Hosts stand in the order of the plan, as in the chain; a heartbeat has a place there only while its host has the baton. */
function withBaton(
  hosts: readonly HostProgress[],
  beats: ReadonlyMap<HostId, HostHeartbeat>,
  to: string | null,
): readonly HostProgress[] {
  const holding = hosts.findIndex(({ name }) => (beats.get(name)?.position ?? null) !== null);
  const holder = hosts[holding];
  if (holder === undefined) return hosts;
  return hosts.map((host, index) => {
    if (host.state !== 'staged' || host.wave !== holder.wave || index > holding) return host;
    return index === holding ? { ...host, state: 'installing' } : { ...host, state: 'done', to: to ?? host.to };
  });
}

function withStep(host: HostProgress, beat: HostHeartbeat | undefined): HostProgress {
  if (beat === undefined || !isHostAtWork(host)) return host;
  return { ...host, step: stepText(beat) ?? host.step };
}

/** `packages 2/5`, `pulling 40%`, `rebooting kernel.boot 2/3 (silent since 09:14:05Z)`; what the host does now, in few words. */
export function stepText(beat: HostHeartbeat): string | null {
  if (beat.bytes !== null && beat.totalBytes !== null && beat.totalBytes > 0) {
    return `${beat.phase ?? 'pulling'} ${Math.min(100, Math.floor((100 * beat.bytes) / beat.totalBytes))}%`;
  }
  const isSaid = beat.step !== null && beat.phase === 'installing';
  const silence = beat.alive || beat.lastSeen === null ? null : `(silent since ${timeOfDay(beat.lastSeen)})`;
  const words = [isSaid ? null : beat.phase, beat.step, silence].filter((word) => word !== null);
  return words.length === 0 ? null : words.join(' ');
}

const timeOfDay = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)}Z`;

import { activityInfo, cancellationSignal } from '@temporalio/activity';
import type { Engine, JobFailure, JobOutcome, PullFailure } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { imageReference, releaseLabel } from '../model/release.ts';
import type { HostHeartbeat } from '../model/upgrade.ts';
import type { DownloadInput, DownloadResult } from './activities.ts';
import { pullAuthorized } from './authorized-pull.ts';
import type { AwaitPorts } from './await-host.ts';
import { parseJobLine, type JobLine } from './job-line.ts';
import type { Ports } from './ports.ts';
import type { ReleaseCache } from './release-cache.ts';
import { Wake } from './wake.ts';

/** Longest time from the Downloader Job's end until the agent shows life; ms. It starts in a second, on a slow disk in five. */
const ALIVE_MS = 20_000;
/** How often an agent that is awaited is looked at beside the watch; ms. */
const LOOK_MS = 1_000;
/** Where the job finds the host's folders; the socket is D-Bus of the host's service manager. Nothing else of the host. */
const JOB_BINDS = [
  '/var/lib/refit:/host/var/lib/refit',
  '/etc/systemd/system:/host/etc/systemd/system',
  '/run/dbus/system_bus_socket:/run/dbus/system_bus_socket',
] as const;

export type DownloadPorts = Ports & AwaitPorts & { readonly releases: ReleaseCache };

/** One attempt at bringing a release, or its agent alone, to a host. */
export type Attempt = {
  readonly ports: DownloadPorts;
  readonly input: DownloadInput;
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** ms since the epoch. */
  readonly deadline: number;
  readonly progress: { phase: HostHeartbeat['phase']; bytes: number; totalBytes: number; alive: boolean };
};
export type Failed = Extract<DownloadResult, { readonly outcome: 'failed' }>;
export type Step<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly failed: Failed };

export const startAttempt = (ports: DownloadPorts, input: DownloadInput): Attempt => ({
  ports,
  input,
  engine: ports.engine(input.host),
  signal: cancellationSignal(),
  deadline: ports.clock.now() + input.deadlineMs,
  progress: { phase: 'pulling', bytes: 0, totalBytes: 0, alive: false },
});

/** Bytes pulled; 0 when the image was there. The limit is on all images of the release together. */
export async function pull(attempt: Attempt, reference: string, before: number): Promise<Step<number>> {
  const { ports, engine, input, signal, progress } = attempt;
  let bytes = 0;
  const result = await pullAuthorized(ports, engine, {
    reference,
    byteLimit: Math.max(0, input.byteLimit - before),
    deadlineMs: leftMs(attempt),
    signal,
    onProgress: (now) => {
      bytes = now.bytes;
      Object.assign(progress, { bytes: before + now.bytes, totalBytes: before + now.totalBytes });
    },
  });
  if (result.outcome !== 'failed') return { ok: true, value: bytes };
  return { ok: false, failed: failed(pullFaults[result.kind], `host ${input.host}: ${result.message}`) };
}

/** Whose fault a failed pull is. A release beyond the limit will be beyond it on the next host, too. */
const pullFaults = {
  notFound: 'release',
  corrupt: 'release',
  tooLarge: 'release',
  refused: 'environment',
  unreachable: 'environment',
  noSpace: 'environment',
  deadline: 'environment',
} as const satisfies Record<PullFailure, 'environment' | 'release'>;

type Done = Extract<JobLine, { readonly event: 'done' }>;

/** Runs the Downloader Job, for all of the release or for its agent alone; answers with what became of the agent. */
export async function runJob(attempt: Attempt, command: 'download' | 'agent'): Promise<Step<Done>> {
  const { engine, input, ports, signal, progress } = attempt;
  const { host, release } = input;
  const ends: JobLine[] = [];
  const result = await engine.runJob({
    // One attempt's own job is found again by the next one; the next round of downloads has another activity id.
    name: `refit-${command}-${release.digest.slice(7, 19)}-${activityInfo().activityId}`,
    image: imageReference(release),
    command: [command],
    binds: JOB_BINDS,
    env: {
      REFIT_RELEASE_DIGEST: release.digest,
      REFIT_CONTENTS_DIGEST: release.contents,
      REFIT_DISK_FLOOR_BYTES: String(input.diskFloorBytes),
      REFIT_AGENT_CONFIG: agentConfig(ports.loadFleet(), host),
    },
    labels: { 'dev.refit.upgrade': input.upgrade, 'dev.refit.host': host, 'dev.refit.release': release.digest },
    networkMode: 'none',
    deadlineMs: leftMs(attempt),
    signal,
    onLine: (text) => {
      const line = parseJobLine(text);
      if (line?.event === 'progress') Object.assign(progress, { bytes: line.bytes, totalBytes: line.total });
      else if (line !== null) ends.push(line);
    },
  });
  return readJob(attempt, result, ends.at(-1) ?? null);
}

function readJob({ input }: Attempt, result: JobOutcome, end: JobLine | null): Step<Done> {
  const what = `host ${input.host}: the Downloader Job of ${releaseLabel(input.release)}`;
  if (result.outcome === 'failed') {
    return { ok: false, failed: failed(jobFaults[result.kind], `${what} did not end: ${result.message}`) };
  }
  if (end?.event === 'done' && result.exitCode === 0) return { ok: true, value: end };
  const said = end?.event === 'failed' ? end.message : result.lines.slice(-3).join(' | ');
  return { ok: false, failed: failed('environment', `${what} failed (exit code ${result.exitCode}): ${said}`) };
}

const jobFaults = {
  notFound: 'environment',
  unreachable: 'environment',
  conflict: 'environment',
  lost: 'environment',
  deadline: 'environment',
  refused: 'environment',
} as const satisfies Record<JobFailure, 'environment' | 'release'>;

/** Whether the agent of that version shows life on the bus in time. */
export async function isAlive(attempt: Attempt, agent: string): Promise<boolean> {
  const { ports, input, signal, progress } = attempt;
  const wake = new Wake();
  const followed = ports.hosts.follow(input, wake.ring);
  const until = ports.clock.now() + ALIVE_MS;
  try {
    while (ports.clock.now() < until) {
      const alive = followed.level()?.alive ?? null;
      progress.alive = alive !== null;
      if (alive?.agent === agent) return true;
      await wake.wait(LOOK_MS, { clock: ports.clock, signal });
      signal.throwIfAborted();
    }
    return false;
  } finally {
    followed.end();
  }
}

export function notAlive({ input: { host } }: Attempt, agent: string): Failed {
  const what = `host ${host}: agent ${agent} was started, but shows no life on the bus within ${ALIVE_MS / 1000} s`;
  return failed('environment', `${what}; look on the host: journalctl -u refit-agent`);
}

/** What the agent is told at its installation. Paths and addresses only, no secret. */
function agentConfig({ fleet, etcd, hosts }: Fleet, host: HostId): string {
  const member = hosts.find(({ name }) => name === host)?.carries.etcd ?? null;
  return JSON.stringify({ fleet, host, etcd: { endpoints: etcd.hostEndpoints, tls: etcd.hostTls, member } });
}

const leftMs = ({ ports, deadline }: Attempt): number => Math.max(1, deadline - ports.clock.now());

export const failed = (kind: 'environment' | 'release', message: string): Failed => ({
  ...{ outcome: 'failed', kind, message },
});

export function toBeat({ input, progress, ports }: Attempt): HostHeartbeat {
  const { phase, bytes, totalBytes, alive } = progress;
  const lastSeen = alive ? ports.clock.now() : null;
  return { host: input.host, phase, step: null, attempt: null, bytes, totalBytes, alive, lastSeen, position: null };
}

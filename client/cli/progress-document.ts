import type { HostProgress, Progress, Waiting } from '../../model/upgrade.ts';
import type { FoundUpgrade } from '../find-upgrade.ts';

/** An upgrade as programs read it: the model's fields, every time as ISO 8601. */
export function progressDocument(progress: Progress): object {
  return {
    ...progress,
    hosts: progress.hosts.map(hostDocument),
    waiting: progress.waiting.map(waitDocument),
    decisions: progress.decisions.map((decision) => ({ ...decision, at: iso(decision.at) })),
    startedAt: iso(progress.startedAt),
    finishedAt: iso(progress.finishedAt),
  };
}

export const waitDocument = (wait: Waiting): object => ({ ...wait, since: iso(wait.since), until: iso(wait.until) });

/** A line of `refit upgrades list --json`. */
export function foundDocument(found: FoundUpgrade): object {
  const { id, release, state, phase, requestedBy } = found;
  return { id, release, state, phase, requestedBy, startedAt: iso(found.startedAt), finishedAt: iso(found.finishedAt) };
}

export const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

const hostDocument = (host: HostProgress): object => ({
  ...host,
  startedAt: iso(host.startedAt),
  finishedAt: iso(host.finishedAt),
});

import { isAtWork } from '../../model/agent-phase.ts';
import type { InstalledRelease } from '../../model/bus.ts';
import { createPathFinder, type PathHop } from '../../model/path.ts';
import { hostImages, isForFleet, orderedServices, releaseLabel, type Release } from '../../model/release.ts';
import type { LocalRelease } from '../../model/local-job.ts';
import { versions } from '../../drivers/versions.ts';
import { currentWork, installedRelease, phaseOf, type AgentState } from '../core/state.ts';
import type { LocalJob } from './job.ts';
import { findReverted } from './local-order.ts';

/** null: nothing stands against it; else why not and what to do, for people. Nothing was changed. */
export function refuseLocal(job: LocalJob, release: Release, state: AgentState): string | null {
  const { host, fleet } = job.order.config;
  if (state.corrupt !== null) return `host ${host}: ${state.corrupt}; repair or remove it by hand`;
  if (!isForFleet(release, fleet)) {
    return `${releaseLabel(release)} is for the fleets ${release.fleets.join(', ')}, and host ${host} is of ${fleet}`;
  }
  return (
    refuseBusy(job, state) ??
    (job.action === 'install' ? refusePath(job, release, state) : refuseRevert(job, release, state))
  );
}

/** Work of the same release that was ordered here as well is gone on with; any other has its own end. */
function refuseBusy({ order, action }: LocalJob, state: AgentState): string | null {
  const phase = phaseOf(state);
  const work = currentWork(state);
  if (!isAtWork(phase) || work === null) return null;
  const isOurs = isLocalUpgrade(work.order.upgrade) && work.order.release.digest === order.release;
  if (isOurs && (action === 'revert' || work.order.action === 'install')) return null;
  const what = `${releaseLabel(work.order.release)} of upgrade ${work.order.upgrade}`;
  return `host ${order.config.host} is at work with ${what} (${phase}); wait until that is over, then try again`;
}

/** One jump at a time: what a hop has besides its host steps can't be done here, so nobody goes over one unseen. */
function refusePath(job: LocalJob, release: Release, state: AgentState): string | null {
  const { order, acceptRisks } = job;
  const installed = installedRelease(state);
  const find = createPathFinder({ ...release, digest: order.release }, { versions, acceptRisks });
  const path = find(installed);
  if (installed === null || path.path === 'there' || path.path === 'new') return null;
  const found = `host ${order.config.host} is on ${releaseLabel(installed)}`;
  if (path.path === 'none') return `${found}, ${path.because}; ${path.remedy}`;
  const [first, ...rest] = path.hops;
  return first === undefined || rest.length === 0 ? null : `${found}, ${overHops(job, release, first)}`;
}

const overHops = ({ repository }: LocalJob, release: Release, { version, digest }: PathHop): string =>
  `from which ${releaseLabel(release)} is more than one jump away; first: refit host upgrade --local ${repository}@${digest} (${version})`;

function refuseRevert({ order }: LocalJob, release: Release, state: AgentState): string | null {
  if (findReverted(state, order.release) !== null) return null;
  const installed: InstalledRelease | null = installedRelease(state);
  const found = installed === null ? 'no release that refit installed' : releaseLabel(installed);
  return `host ${order.config.host} keeps nothing of an install of ${releaseLabel(release)} to take back; it is on ${found}`;
}

/** What the release would do here, for whoever gets the images and says what is left out. */
export function describeLocal(release: Release, state: AgentState): LocalRelease {
  const installed = installedRelease(state);
  return {
    event: 'release',
    name: release.name,
    version: release.version,
    from: installed === null ? null : releaseLabel(installed),
    images: hostImages(release),
    deadlineMs: release.host.deadlineMs,
    diskFreeBytes: release.host.diskFreeBytes,
    left: {
      migrations: release.migrations.map(({ name }) => name),
      services: orderedServices(release).map(({ name }) => name),
    },
  };
}

const isLocalUpgrade = (upgrade: string): boolean => upgrade.startsWith('local-');

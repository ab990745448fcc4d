import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../model/ports.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import type { Places } from '../places.ts';
import type { Trial } from '../trial/trial.ts';
import { installAgent, type AgentOutcome } from './agent-install.ts';
import { filesUnder } from './copy-folder.ts';
import type { JobOrder } from './environment.ts';
import { assertRoom, copyAll, pruneReleases, readImageRelease, releaseCopy, type Copy } from './staging.ts';

/** Shortest time between two lines of progress; ms. */
const PROGRESS_MS = 200;

export type DownloadJob = {
  /** The image's own folders: `/release` and `/refit`. */
  readonly image: { readonly release: string; readonly refit: string };
  /** The host's. */
  readonly places: Places;
  readonly order: JobOrder;
  readonly version: string;
  /** By what a new agent proves itself where there is a bus: one that a person puts there has to do without. */
  readonly provenBy: Trial['proof']['kind'];
  readonly services: () => Promise<ServiceManager>;
  readonly clock: Clock;
  /** One line of NDJSON. */
  readonly say: (line: DownloadLine) => void;
};

export type DownloadLine =
  | { readonly event: 'progress'; readonly bytes: number; readonly total: number }
  | ({ readonly event: 'done'; readonly copiedBytes: number } & AgentOutcome);

/**
 * Puts the release and its agent on the host's disk and starts the agent. Idempotent: what is there and right stays.
 * Everything is checked against the ordered digest before it gets its name.
 */
export async function download(job: DownloadJob): Promise<void> {
  const { places, order, image } = job;
  makeFolders(places);
  const release = readImageRelease(image.release, order);
  const ofRelease = await releaseCopy(places, order, { folder: image.release, release });
  const ofAgent = await agentCopy(job);
  if (ofRelease !== null) pruneReleases(places, order);
  await bring(job, [ofRelease, ofAgent]);
}

/** The agent alone, before any host is touched by the release itself. */
export async function downloadAgent(job: DownloadJob): Promise<void> {
  makeFolders(job.places);
  await bring(job, [await agentCopy(job)]);
}

function makeFolders(places: Places): void {
  mkdirSync(places.releases, { recursive: true });
  mkdirSync(places.agents, { recursive: true });
}

async function bring(job: DownloadJob, wanted: readonly (Copy | null)[]): Promise<void> {
  const { places, order, version, clock } = job;
  const copies = wanted.filter((copy) => copy !== null);
  const copiedBytes = assertRoom(places, copies, order.diskFloorBytes);
  await copyAll(copies, progress(job));
  const services = await job.services();
  try {
    const { configText, proofMs } = order;
    const installed = await installAgent({
      places,
      services,
      clock,
      version,
      configText,
      proofMs,
      proof: proofOf(job),
    });
    job.say({ event: 'done', ...installed, copiedBytes });
  } finally {
    services.close();
  }
}

function proofOf({ provenBy, order }: DownloadJob): Trial['proof'] {
  const { etcd } = order.config;
  return etcd === null || provenBy === 'journals' ? { kind: 'journals' } : { kind: 'bus', endpoints: etcd.endpoints };
}

/** A folder of the version that is there was synced whole before it got its name. */
async function agentCopy({ places, image, version }: DownloadJob): Promise<Copy | null> {
  const folder = join(places.agents, version);
  return existsSync(folder) ? null : { folder, files: await filesUnder(image.refit) };
}

function progress({ clock, say }: DownloadJob): (bytes: number, total: number) => void {
  let saidAt = 0;
  return (bytes, total) => {
    const now = clock.now();
    if (now - saidAt < PROGRESS_MS && bytes < total) return;
    saidAt = now;
    say({ event: 'progress', bytes, total });
  };
}

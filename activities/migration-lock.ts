import { log } from '@temporalio/activity';
import { busKeys, type MigrationLock } from '../model/bus.ts';
import { EngineError, type ContainerSummary } from '../model/engine.ts';
import type { HostId } from '../model/ids.ts';
import type { BusEntry } from '../model/ports.ts';
import { workLabels } from '../model/replacement.ts';
import { writeFenced } from './fenced-write.ts';
import { ANSWER_WITHIN_MS } from './migration-check.ts';
import {
  containerName,
  isCheck,
  jobLabels,
  MIGRATION_JOB,
  type JobSite,
  type MigrationPorts,
} from './migration-job.ts';
import { engineOf, ownFleet } from './own-fleet.ts';

/** How often a lock that another migration holds is looked at; ms. Its holder runs for seconds at least. */
const LOOK_MS = 1_000;
/** How long a holder may have no job that runs before it is passed; ms. Before its job it waits for its check's answer. */
const IDLE_MS = ANSWER_WITHIN_MS + 30_000;
/** Longest wait of one attempt; ms. The next one goes on with it. */
const WAIT_MS = 6 * 60 * 60_000;

type Held = { readonly lock: MigrationLock; readonly revision: string };
type Idle = { readonly revision: string; readonly since: number };

/**
 * One migration of a fleet at a time. The lock guards against two upgrades that know nothing of each other, as after a loss of
 * Temporal's store; of one upgrade there is one migration at a time anyway.
 *
 * 1. The same migration of the same upgrade is the same holder, whichever attempt or worker it is.
 * 2. A job of another migration that runs is waited for, also where the bus has forgotten its lock.
 * 3. A holder without one for IDLE_MS is passed: its worker is gone. Should that wake, `holdLock` says no before its job begins.
 * 4. Whoever leaves without a result leaves the lock: the job may be at work.
 */
export async function takeLock(site: JobSite): Promise<void> {
  const { ports, name, beat, signal } = site;
  const giveUpAt = ports.clock.now() + WAIT_MS;
  let idle: Idle | null = null;
  while (ports.clock.now() < giveUpAt) {
    const other = await readOther(site);
    const atWork = await othersAtWork(site, other);
    idle = idleOf(idle, { other, atWork, now: ports.clock.now() });
    const isFree = other === null || (idle !== null && ports.clock.now() - idle.since >= IDLE_MS);
    if (atWork === null && isFree && (await write(site, other))) return;
    beat.detail = `${name} waits for ${atWork ?? describe(other)}`;
    await ports.clock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
  throw new Error(`${beat.detail}, for ${WAIT_MS} ms now; see what it does there, and end it if it is stuck`);
}

/** Right before the job begins: throws when somebody has passed this one. */
export async function holdLock(site: JobSite): Promise<void> {
  if (await write(site, null)) return;
  throw new Error(`${site.name} of ${site.input.upgrade} was passed by another migration; it waits for its turn again`);
}

export async function releaseLock({ ports, input, name }: JobSite): Promise<void> {
  const key = busKeys(input.fleet).migrationLock;
  await writeFenced(ports, input, {
    keys: [key],
    decide: ([entry]) => {
      const held = parse(ports, entry ?? null);
      return held !== null && isOurs(held, { input, name }) ? { puts: [], deletes: [key] } : null;
    },
  });
}

/** Where this migration was, if it has the lock. */
export async function lockedHost(
  ports: Pick<MigrationPorts, 'bus' | 'values'>,
  errand: Pick<JobSite, 'input' | 'name'>,
): Promise<HostId | null> {
  const held = parse(ports, await ports.bus.read(busKeys(errand.input.fleet).migrationLock));
  return held !== null && isOurs(held, errand) ? held.lock.host : null;
}

async function readOther(site: JobSite): Promise<Held | null> {
  const { ports, input } = site;
  const held = parse(ports, await ports.bus.read(busKeys(input.fleet).migrationLock));
  return held === null || isOurs(held, site) ? null : held;
}

/** false: another one holds it, and not the one that may be passed. */
async function write(site: JobSite, passed: Held | null): Promise<boolean> {
  const { ports, input, name: migration, place } = site;
  const key = busKeys(input.fleet).migrationLock;
  const job = containerName('migration', migration);
  const { upgrade } = input;
  const lock: MigrationLock = { v: 1, upgrade, migration, host: place.host, job, since: ports.clock.now() };
  let isTaken = false;
  await writeFenced(ports, input, {
    keys: [key],
    decide: ([entry]) => {
      const held = parse(ports, entry ?? null);
      isTaken = held === null || isOurs(held, site) || held.revision === passed?.revision;
      return isTaken ? { puts: [{ key, value: ports.values.encodeBusValue(lock) }] } : null;
    },
  });
  return isTaken;
}

/** What of another migration runs on the hosts in question, in words; null: nothing. */
async function othersAtWork(site: JobSite, other: Held | null): Promise<string | null> {
  const { ports, input, place, signal } = site;
  const hosts = new Set([place.host, ...(other === null ? [] : [other.lock.host])]);
  // A host that was taken out of the fleet can't be asked any more.
  for (const { name: host } of ownFleet(ports, input.fleet).hosts.filter((one) => hosts.has(one.name))) {
    try {
      const engine = engineOf(ports, { fleet: input.fleet, host });
      const jobs = await engine.listContainers({ [jobLabels.job]: MIGRATION_JOB }, signal);
      const found = jobs.find((job) => job.running && !isCheck(job.labels) && !isOwnJob(job, site));
      if (found !== undefined) return `container ${found.name} of ${upgradeOf(found)} on ${host}, which is at work`;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof EngineError)) throw error;
      return `the engine of ${host}, where another may be at work: ${error.message}`;
    }
  }
  return null;
}

/** Since when the holder, as it wrote the lock last, has had nothing at work. */
function idleOf(
  before: Idle | null,
  { other, atWork, now }: { readonly other: Held | null; readonly atWork: string | null; readonly now: number },
): Idle | null {
  if (other === null || atWork !== null) return null;
  return before?.revision === other.revision ? before : { revision: other.revision, since: now };
}

/** An unreadable lock is nobody's. */
function parse({ values }: Pick<MigrationPorts, 'values'>, entry: BusEntry | null): Held | null {
  if (entry === null) return null;
  const parsed = values.parseMigrationLock(entry.value);
  if (parsed.ok) return { lock: parsed.value, revision: entry.revision };
  log.warn('migration lock passed over', { key: entry.key, problem: parsed.problem });
  return null;
}

const isOurs = ({ lock }: Held, { input, name }: Pick<JobSite, 'input' | 'name'>): boolean =>
  lock.upgrade === input.upgrade && lock.migration === name;

const isOwnJob = ({ labels }: ContainerSummary, { input, name }: JobSite): boolean =>
  labels[workLabels.upgrade] === input.upgrade && labels[jobLabels.migration] === name;

const upgradeOf = ({ labels }: ContainerSummary): string => labels[workLabels.upgrade] ?? 'an unknown upgrade';

const describe = (held: Held | null): string =>
  held === null
    ? 'its turn'
    : `${held.lock.migration} of ${held.lock.upgrade} on ${held.lock.host}, which has the lock`;

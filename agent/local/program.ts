import type { LocalLine, LocalReport } from '../../model/local-job.ts';
import type { Clock } from '../../model/ports.ts';
import type { ServiceManager } from '../../drivers/systemd.ts';
import type { Order } from '../../model/bus.ts';
import { download } from '../download/download.ts';
import { readImageRelease } from '../download/staging.ts';
import type { Places } from '../places.ts';
import { describeLocal, refuseLocal } from './check.ts';
import { followOrder } from './follow.ts';
import { readLocalJob, type LocalJob } from './job.ts';
import { readJournals } from './journals.ts';
import { findStanding, placeLocalOrder } from './local-order.ts';
import { removeLocalOrder } from './order-file.ts';

/**
 * On a host that lost its disk the bus may still have an order of before, which the agent sees, and refuses, only when it
 * has come up: then this one is placed again, above it.
 */
const PLACED_MOST = 3;

export type LocalProgram = {
  /** The image's own folders: `/release` and `/refit`. */
  readonly image: { readonly release: string; readonly refit: string };
  /** The host's. */
  readonly places: Places;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly services: () => Promise<ServiceManager>;
  readonly clock: Clock;
  /** One line of NDJSON. */
  readonly say: (line: LocalLine) => void;
};

/** How a job ended; the exit code of its container. */
export type LocalEnd = 'done' | 'failed' | 'refused';

/** Looks only: says what the release would do on this host, or why it is refused. */
export function checkLocal(program: LocalProgram): LocalEnd {
  const { places, env, image, say } = program;
  const job = readLocalJob(env, places);
  const release = readImageRelease(image.release, job.order);
  const state = readJournals(places);
  const refusal = findStanding(job, places, state) === null ? refuseLocal(job, release, state) : null;
  say(refusal === null ? describeLocal(release, state) : { event: 'refused', message: refusal });
  return refusal === null ? 'done' : 'refused';
}

/**
 * One host, by itself: release and agent onto the disk, the order into the agent's folder, and its journals read until it
 * is over. Idempotent by the upgrade's name: started again, it goes on with what it ordered.
 */
export async function runLocal(program: LocalProgram): Promise<LocalEnd> {
  const { places, env, clock, say, version } = program;
  const job = readLocalJob(env, places);
  for (let placed = 0; placed < PLACED_MOST; placed++) {
    const standing = placed === 0 ? findStanding(job, places, readJournals(places)) : null;
    const order = standing ?? (await begin(program, job));
    if (order === null) return 'refused';
    const end = await followOrder(order, { places, clock, agent: version, say });
    if (end === 'outrun') continue;
    removeLocalOrder(places);
    return isDone(job, end) ? 'done' : 'failed';
  }
  throw new Error(`the fleet's bus has had a higher order for this host ${PLACED_MOST} times; see what upgrades it`);
}

/** null: refused; what was so at the check may be otherwise now. */
async function begin(program: LocalProgram, job: LocalJob): Promise<Order | null> {
  const { places, image, say } = program;
  const release = readImageRelease(image.release, job.order);
  const refusal = refuseLocal(job, release, readJournals(places));
  if (refusal !== null) {
    say({ event: 'refused', message: refusal });
    return null;
  }
  // The fleet's bus may be what is away: a host by itself does without its proof.
  await download({ ...program, order: job.order, provenBy: 'journals' });
  return placeLocalOrder(job, places, { release, state: readJournals(places) });
}

const isDone = ({ action }: LocalJob, { refused, phase }: LocalReport): boolean =>
  refused === null && phase === (action === 'install' ? 'done' : 'reverted');

import { log } from '@temporalio/activity';
import { busKeys, type Epoch } from '../model/bus.ts';
import type { FleetId } from '../model/ids.ts';
import type { BusEntry } from '../model/ports.ts';
import type { Activities } from './activities.ts';
import { fenced } from './failure.ts';
import type { Ports } from './ports.ts';
import { withdrawOrders } from './withdraw-orders.ts';

/** How often a claim that lost a race is tried again. Runs of one fleet follow each other; a race is two of them. */
const MAX_ATTEMPTS = 10;
const PAUSE_MS = 20;

type EpochPorts = Pick<Ports, 'bus' | 'clock' | 'values'>;
type ClaimInput = Parameters<Activities['claimEpoch']>[0];

/** Idempotent: the run that holds the epoch gets it again, and withdraws what an attempt that was cut off left. */
export function createClaimEpoch(ports: EpochPorts): Activities['claimEpoch'] {
  return async (input) => {
    const epoch = await claim(ports, input);
    await withdrawOrders(ports, { fleet: input.fleet, epoch });
    return { epoch };
  };
}

/**
 * 1. The later start wins: an earlier run's attempt that comes late is fenced off.
 * 2. The new epoch is above the key's and above everything that orders, reports and agents name: a wiped bus that starts
 *    at 1 again would be refused by every agent.
 */
async function claim(ports: EpochPorts, { fleet, run, startedAt }: ClaimInput): Promise<number> {
  const { epoch: key } = busKeys(fleet);
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const entry = await ports.bus.read(key);
    const held = entry === null ? null : parseHeld(ports, entry);
    if (held?.run === run) return held.epoch;
    if (held !== null && held.startedAt > startedAt) {
      throw fenced(`a later run (${held.run}) holds epoch ${held.epoch} of fleet ${fleet}; run ${run} must not order`);
    }
    const epoch = Math.max(held?.epoch ?? 0, await highestKnown(ports, fleet)) + 1;
    const value = ports.values.encodeBusValue({ v: 1, epoch, run, startedAt });
    const conditions = [{ key, revision: entry?.revision ?? null }];
    const result = await ports.bus.write({ conditions, puts: [{ key, value }] });
    if (result.outcome === 'ok') {
      log.info('epoch claimed', { fleet, epoch, run });
      return epoch;
    }
    await ports.clock.sleep(PAUSE_MS * attempt);
  }
  throw new Error(`could not claim the epoch of fleet ${fleet} in ${MAX_ATTEMPTS} attempts`);
}

function parseHeld(ports: EpochPorts, entry: BusEntry): Epoch {
  const parsed = ports.values.parseEpoch(entry.value);
  if (parsed.ok) return parsed.value;
  throw new Error(`${entry.key}: ${parsed.problem}; write the highest epoch of the fleet's reports there by hand`);
}

/** An unreadable value names no epoch that anybody obeys. */
async function highestKnown({ bus, values }: EpochPorts, fleet: FleetId): Promise<number> {
  const entries = await bus.list(busKeys(fleet).hosts);
  return entries.reduce((highest, { key, value }) => {
    const parsed = key.endsWith('/alive')
      ? values.parseAlive(value)
      : key.endsWith('/report')
        ? values.parseReport(value)
        : values.parseOrder(value);
    return parsed.ok ? Math.max(highest, parsed.value.epoch) : highest;
  }, 0);
}

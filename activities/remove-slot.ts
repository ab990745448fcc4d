import { log } from '@temporalio/activity';
import { EngineError, type Engine } from '../model/engine.ts';
import { workLabels } from '../model/replacement.ts';
import { networkName, unitLabels, volumePrefix, type Slot, type SlotOrShared } from '../model/unit.ts';
import { wrongInput } from './failure.ts';
import { balancerOf, type UnitPorts } from './open-unit.ts';
import { ownFleet } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import { lookForMembers, slotIn } from './slot-look.ts';
import type { RemoveSlotInput, UnitActivities, UnitInput } from './unit-activities.ts';
import { beatOn } from './unit-beat.ts';

/** Hosts that are worked on at the same time. */
const MAX_PARALLEL = 8;
/** Time that a container gets to end by itself; s. */
const STOP_S = 10;

/**
 * Idempotent: what is gone is gone. Everything of the slot is found by its labels, on every host of the fleet: containers,
 * jobs' among them, networks, and volumes named after the slot. Volumes of other names stay: they may be anybody's.
 */
export function createRemoveSlot(ports: UnitPorts): UnitActivities['removeSlot'] {
  return async (input) =>
    beatOn({ unitStep: 'delete', host: null, what: `${input.slot} of ${input.unit}` }, async (signal) => {
      await refuseActive(ports, input, signal);
      const hosts = ownFleet(ports, input.fleet).hosts.map(({ name }) => name);
      const removed = await inParallel(hosts, MAX_PARALLEL, async (host) =>
        removeOn(ports.engine(host), input, signal),
      );
      const total = removed.reduce((sum, count) => sum + count, 0);
      log.info('slot removed', { unit: input.unit, slot: input.slot, containers: total });
      return { removed: total };
    });
}

/** The one that takes the requests is never removed, whoever asks, and however late. */
async function refuseActive(ports: UnitPorts, input: RemoveSlotInput, signal: AbortSignal): Promise<void> {
  if (input.isFirst) return;
  const active = await activeSlot(ports, input, signal);
  if (active !== null && active !== input.slot) return;
  const why = active === null ? 'may take the requests, the load balancer does not say' : 'takes the requests';
  throw wrongInput(`slot ${input.slot} of unit ${input.unit} ${why}; it is not removed`);
}

async function removeOn(engine: Engine, input: RemoveSlotInput, signal: AbortSignal): Promise<number> {
  const found = await engine.listContainers({ [unitLabels.unit]: input.unit }, signal);
  const going = found.filter(({ labels }) => isGoing(input, labels));
  for (const { id, running } of going) {
    if (running) await unlessGone(engine.stopContainer(id, { timeoutS: STOP_S, signal }));
    await engine.removeContainer(id, { force: true, volumes: true, signal });
  }
  const staying = found.filter(({ id }) => !going.some((gone) => gone.id === id));
  const isShared = staying.some(({ labels }) => slotIn(labels) === 'shared' && unitLabels.service in labels);
  const slots: readonly SlotOrShared[] = input.isFirst && !isShared ? [input.slot, 'shared'] : [input.slot];
  for (const slot of slots) {
    const network = networkName(input.unit, slot);
    for (const { id } of staying) await engine.disconnectNetwork({ network, container: id }, signal);
    await removeNetwork(engine, network, signal);
    // Those of shared services hold data, perhaps from before this upgrade.
    if (slot !== 'shared') await engine.removeVolumes(volumePrefix(input.unit, slot), signal);
  }
  return going.length;
}

/** Shared ones that were there before are not of the install that is taken back, even if no slot was: they have their data. */
function isGoing({ slot, isFirst, upgrade }: RemoveSlotInput, labels: Readonly<Record<string, string>>): boolean {
  const of = slotIn(labels);
  return of === slot || (isFirst && of === 'shared' && labels[workLabels.upgrade] === upgrade);
}

/** One that somebody else's container is in stays with it: it is in nobody's way. */
async function removeNetwork(engine: Engine, network: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.removeNetwork(network, signal);
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'conflict') throw error;
    log.warn('network stays', { network, why: error.message });
  }
}

/** Somebody may have removed it in between. */
async function unlessGone(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'notFound') throw error;
  }
}

/** Idempotent: reads. */
export function createReadSlots(ports: UnitPorts): UnitActivities['readSlots'] {
  return async (input) =>
    beatOn({ unitStep: 'preflight', host: null, what: `slots of ${input.unit}` }, async (signal) => {
      const members = await lookForMembers(ports, input, signal);
      const count = (slot: SlotOrShared): number => members.filter((member) => member.slot === slot).length;
      const containers = { blue: count('blue'), green: count('green'), shared: count('shared') };
      return { active: await activeSlot(ports, input, signal), containers };
    });
}

export async function activeSlot(
  ports: UnitPorts,
  input: Pick<UnitInput, 'fleet' | 'unit'>,
  signal: AbortSignal,
): Promise<Slot | null> {
  const found = balancerOf(ports, input);
  const active = found === null ? 'unset' : await found.slots.active(found.balanced, signal);
  if (active !== 'mixed') return active === 'unset' ? null : active;
  throw wrongInput(
    `the frontends of unit ${input.unit} send requests to both slots; mend them at the load balancer, then try again`,
  );
}

import type { Engine } from '../model/engine.ts';
import { besideOf, jobNamed, type UnitSite } from '../model/unit-site.ts';
import { networkName, unitImages, unitLabels, type SlotOrShared } from '../model/unit.ts';
import type { PlannedMember } from '../model/unit-upgrade.ts';
import { openUnit, siteOf, type UnitPorts } from './open-unit.ts';
import { engineOf } from './own-fleet.ts';
import { createPullImage } from './pull-image.ts';
import type { SlotHostInput, UnitActivities } from './unit-activities.ts';
import { beatOn } from './unit-beat.ts';
import { imagesOn, labelsOf, slotOf } from './unit-containers.ts';

/** Idempotent: an image that is there is not pulled again. The first that can't be had ends it. */
export function createPullSlotImages(ports: UnitPorts): UnitActivities['pullSlotImages'] {
  const pullImage = createPullImage(ports);
  return async (input) => {
    const site = siteOf(await openUnit(ports, input), input.plan);
    const pulled: string[] = [];
    for (const image of imagesFor(site, input)) {
      const { fleet, upgrade, host, byteLimit, diskFloorBytes, deadlineMs } = input;
      const result = await pullImage({ fleet, upgrade, host, image, byteLimit, diskFloorBytes, deadlineMs });
      if (result.outcome === 'failed') return { ...result, pulled };
      if (result.outcome === 'pulled') pulled.push(image);
    }
    return { outcome: pulled.length > 0 ? 'pulled' : 'alreadyThere', pulled };
  };
}

/** Members' images, and those of the jobs that run beside them. */
function imagesFor(site: UnitSite, { host, plan }: SlotHostInput): readonly string[] {
  const names = [plan.accountData ?? '', ...plan.tests, ...[...plan.expand, ...plan.contract].map(({ name }) => name)];
  const jobs = names.flatMap((name) => {
    const job = jobNamed(site.unit, name);
    return job !== null && besideOf(site, job)?.host === host ? [job.image] : [];
  });
  const wanted = new Set([...imagesOn(site, host), ...jobs]);
  return unitImages(site.unit).filter((image) => wanted.has(image));
}

/**
 * Idempotent. Members of one host find each other by their service's name:
 *
 * 1. Each slot has a network of its own, and so have the shared members.
 * 2. A shared member is in the network of the slot as well.
 * 3. A member leaves the engine's own network, in which it was created, so that nobody else's containers reach it.
 */
export function createJoinSlotNetwork(ports: UnitPorts): UnitActivities['joinSlotNetwork'] {
  return async (input) =>
    beatOn(
      { unitStep: 'networks', host: input.host, what: `network ${networkName(input.unit, input.plan.to)}` },
      async (signal) => {
        const site = siteOf(await openUnit(ports, input), input.plan);
        const engine = engineOf(ports, input);
        const here = ({ host }: PlannedMember): boolean => host === input.host;
        const created = input.plan.members.filter(here);
        const shared = [...created, ...input.plan.present.filter(here)].filter(({ kind }) => kind === 'shared');
        const joining: Joining = { engine, site, input, signal };
        await ensure(joining, input.plan.to);
        if (shared.length > 0) await ensure(joining, 'shared');
        for (const member of created) await join(joining, member, slotOf(site, member));
        for (const member of shared) await join(joining, member, input.plan.to);
        for (const { container } of created)
          await engine.disconnectNetwork({ network: ENGINE_NETWORK, container }, signal);
      },
    );
}

/** In which a container is created that names none. */
const ENGINE_NETWORK = 'bridge';

type Joining = {
  readonly engine: Engine;
  readonly site: UnitSite;
  readonly input: SlotHostInput;
  readonly signal: AbortSignal;
};

async function ensure({ engine, site, input, signal }: Joining, slot: SlotOrShared): Promise<void> {
  // Without the version: a shared network outlives the upgrade that made it.
  const { [unitLabels.unit]: unit = '', [unitLabels.slot]: of = '' } = labelsOf(site, slot, input);
  await engine.ensureNetwork(
    { name: networkName(input.unit, slot), labels: { [unitLabels.unit]: unit, [unitLabels.slot]: of } },
    signal,
  );
}

const join = async ({ engine, input, signal }: Joining, member: PlannedMember, slot: SlotOrShared): Promise<void> =>
  engine.connectNetwork(
    { network: networkName(input.unit, slot), container: member.container, aliases: [member.service] },
    signal,
  );

import { cancellationSignal } from '@temporalio/activity';
import { imageReference } from '../model/release.ts';
import { placeUnit } from '../model/unit-placement.ts';
import { judgeUnit, type UnitReading } from '../model/unit-preflight.ts';
import {
  hasNoWayBack,
  MAX_UNIT_MEMBERS,
  otherSlot,
  unitImages,
  type Slot,
  type UnitMigration,
  type UnitContainer,
  type UnitRelease,
} from '../model/unit.ts';
import type { PlannedMember, PlannedMigration, UnitPlan } from '../model/unit-upgrade.ts';
import { messageOf } from './failure.ts';
import { openUnit, siteOf, type OpenedUnit, type UnitPorts } from './open-unit.ts';
import { inParallel } from './parallel.ts';
import { boundFindings } from './findings.ts';
import { findMissingImages } from './images.ts';
import { activeSlot } from './remove-slot.ts';
import { lookForMembers, type SeenSlotMember } from './slot-look.ts';
import type { PlannedUnit, PlanUnitInput, UnitActivities } from './unit-activities.ts';
import { readUnitBalancer } from './unit-balancer-reading.ts';
import { beatOn } from './unit-beat.ts';
import { readUnitHosts, type HostLook } from './unit-hosts.ts';

/** Hosts that what was pulled is removed from at the same time. */
const MAX_PARALLEL = 8;

/** Idempotent: reads. What it pulled for that goes again if there is an error. */
export function createPlanUnit(ports: UnitPorts): UnitActivities['planUnit'] {
  return async (input) =>
    beatOn({ unitStep: 'preflight', host: null, what: `unit ${input.unit}` }, async () => planUnit(ports, input));
}

async function planUnit(ports: UnitPorts, input: PlanUnitInput): Promise<PlannedUnit> {
  const signal = cancellationSignal();
  const opened = await openUnit(ports, input);
  const seen = await lookForMembers(ports, input, signal);
  const active = await activeSlot(ports, input, signal);
  const from = seen.some(({ slot }) => slot === active) ? active : null;
  if (from !== null && isThere(opened, seen, from)) return { plan: null, alreadyThere: from, findings: [] };
  const to = from === null ? (active ?? 'blue') : otherSlot(from);
  const { plan, short } = toPlan(opened, { seen, from, to });
  const look: HostLook = { ports, opened, input, site: siteOf(opened, plan) };
  const [hosts, missingImages, files, balancer] = await Promise.all([
    readUnitHosts(look, signal),
    findMissingImages(ports, unitImages(opened.unit), signal),
    unreadableFiles(ports, opened),
    readUnitBalancer(look, signal),
  ]);
  const reading: UnitReading = {
    ...{ unit: opened.unit, short, hosts, missingImages, files },
    balancerProblems: balancer.problems,
    counts: { isAsked: input.policy.soak.maxErrorRate !== null, isCounted: balancer.isCounted },
    leftOver: seen.filter(({ slot }) => slot === to),
    otherImages: otherImages(opened, seen),
  };
  const findings = boundFindings(judgeUnit(reading), `unit ${input.unit}`);
  if (findings.length === 0) return { plan, alreadyThere: null, findings };
  const pulled = hosts.filter((host) => host.pulled).map(({ host }) => host);
  await inParallel(pulled, MAX_PARALLEL, async (host) =>
    ports
      .engine(host)
      .removeImage(imageReference(input.release), signal)
      .catch(() => 'inUse' as const),
  );
  return { plan: null, alreadyThere: null, findings };
}

/** All of the slot is there, is on this very release, and runs. */
function isThere({ unit, fleet, release }: OpenedUnit, seen: readonly SeenSlotMember[], slot: Slot): boolean {
  const own = seen.filter((member) => member.slot === slot);
  const wanted = placeUnit(unit, slot, fleet.hosts).members.filter(({ kind }) => kind !== 'shared');
  const isComplete = wanted.every(({ container }) => own.some((member) => member.container === container));
  return isComplete && own.every((member) => member.release === release.digest && member.running);
}

type Standing = { readonly seen: readonly SeenSlotMember[]; readonly from: Slot | null; readonly to: Slot };

function toPlan(
  { unit, fleet }: OpenedUnit,
  { seen, from, to }: Standing,
): { readonly plan: UnitPlan; readonly short: readonly string[] } {
  const { members, short } = placeUnit(unit, to, fleet.hosts);
  const isPresent = ({ kind, service }: PlannedMember): boolean =>
    kind === 'shared' && seen.some((member) => member.slot === 'shared' && member.service === service);
  // Where a shared member is, it stays, whatever the labels say now.
  const present = members.filter(isPresent).map((member): PlannedMember => {
    const found = seen.find(({ slot, service }) => slot === 'shared' && service === member.service);
    return { ...member, host: found?.host ?? member.host, container: found?.container ?? member.container };
  });
  const migrations = (when: UnitMigration['when']): readonly PlannedMigration[] =>
    unit.migrations.filter((migration) => migration.when === when).map(planMigration);
  const plan: UnitPlan = {
    ...{ from, to, present, members: members.filter((member) => !isPresent(member)) },
    accountData: unit.accountData?.name ?? null,
    tests: unit.tests.map(({ name }) => name),
    ...{ expand: migrations('expand'), contract: migrations('contract') },
  };
  const tooMany = `the slot would have ${plan.members.length} containers, add-ons among them; a unit has at most ${MAX_UNIT_MEMBERS}`;
  return { plan, short: plan.members.length > MAX_UNIT_MEMBERS ? [...short, tooMany] : short };
}

const planMigration = (migration: UnitMigration): PlannedMigration => ({
  ...{ name: migration.name, hasDown: migration.down !== null, hasNoWayBack: hasNoWayBack(migration) },
});

/** Every file that any container of the unit is to get. */
async function unreadableFiles(
  ports: Pick<UnitPorts, 'readUnitFile'>,
  { unit, fleetUnit }: OpenedUnit,
): Promise<UnitReading['files']> {
  const names = [...new Set(containersOf(unit).flatMap(({ files }) => files.map(({ file }) => file)))];
  const found = await Promise.all(
    names.map(async (name) => {
      const path = fleetUnit.files[name];
      if (path === undefined) return [{ name, problem: 'the fleet file does not say where it is' }];
      try {
        await ports.readUnitFile(path);
        return [];
      } catch (error) {
        return [{ name, problem: messageOf(error) }];
      }
    }),
  );
  return found.flat();
}

const containersOf = ({ services, addOns, tests, migrations, accountData }: UnitRelease): readonly UnitContainer[] => [
  ...services,
  ...addOns,
  ...tests,
  ...migrations,
  ...(accountData === null ? [] : [accountData]),
];

function otherImages({ unit }: OpenedUnit, seen: readonly SeenSlotMember[]): UnitReading['otherImages'] {
  return seen.flatMap(({ slot, host, container, image, service }) => {
    const wanted = unit.services.find((one) => one.shared && one.name.toString() === service)?.image;
    return slot !== 'shared' || wanted === undefined || wanted === image
      ? []
      : [{ host, container, has: image, wants: wanted }];
  });
}

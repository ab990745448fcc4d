import { busKeys, type MemberLevel } from '../model/bus.ts';
import type { BusCondition, BusEntry, BusPut } from '../model/ports.ts';
import type { MemberActivities, TellMembersInput } from './member-activities.ts';
import type { Ports } from './ports.ts';

type TellPorts = Pick<Ports, 'bus' | 'values' | 'clock'>;
type Told = { readonly entry: BusEntry | null; readonly key: string; readonly put: BusPut | null };

/**
 * Idempotent: what is told already stays, with the time since when it is so.
 *
 * One write under what was read. A refused one, or one without an answer, is thrown: the next attempt reads again, and an
 * attempt that was given up long ago can't tell the world what is over.
 */
export function createTellMembers(ports: TellPorts): MemberActivities['tellMembers'] {
  return async (input) => {
    const told = await Promise.all(input.states.map(async (member) => compare(ports, input, member)));
    const changed = told.filter(({ entry, put }) => put?.value !== entry?.value);
    if (changed.length === 0) return;
    const result = await ports.bus.write({
      conditions: changed.map(({ key, entry }): BusCondition => ({ key, revision: entry?.revision ?? null })),
      puts: changed.flatMap(({ put }) => (put === null ? [] : [put])),
      deletes: changed.flatMap(({ key, put }) => (put === null ? [key] : [])),
    });
    if (result.outcome === 'ok') return;
    const why = result.outcome === 'unknown' ? `no answer: ${result.cause}` : 'somebody else wrote them meanwhile';
    throw new Error(`could not write the states of ${input.service}'s members: ${why}`);
  };
}

/** `put` null: nothing is to be there. */
async function compare(
  { bus, values, clock }: TellPorts,
  { fleet, service, upgrade, image }: TellMembersInput,
  { state, ...member }: TellMembersInput['states'][number],
): Promise<Told> {
  const key = busKeys(fleet).member(service, member);
  const entry = await bus.read(key);
  if (state === 'Active') return { entry, key, put: null };
  const level: MemberLevel = { v: 1, upgrade, state, image, since: clock.now() };
  const found = entry === null ? null : values.parseMemberLevel(entry.value);
  const isTold = found?.ok === true && isSame(found.value, level);
  const value = isTold && entry !== null ? entry.value : values.encodeBusValue(level);
  return { entry, key, put: { key, value } };
}

const isSame = (a: MemberLevel, b: MemberLevel): boolean =>
  a.upgrade === b.upgrade && a.state === b.state && a.image === b.image;

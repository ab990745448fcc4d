import { EngineError, type Engine } from '../model/engine.ts';
import { healthOf } from '../model/unit-site.ts';
import type { UnitStep } from '../model/unit-upgrade.ts';
import { conceal } from './conceal.ts';
import { openUnit, siteOf, type UnitPorts } from './open-unit.ts';
import { engineOf } from './own-fleet.ts';
import type { SlotMemberInput, UnitActivities } from './unit-activities.ts';
import { filesOf, memberSpec } from './unit-containers.ts';
import { beatOn } from './unit-beat.ts';
import { readFiles, secretsOf } from './unit-files.ts';

/** Idempotent: what an earlier attempt created is found by its name and labels; refit's own of another wish is made anew. */
export function createCreateSlotMember(ports: UnitPorts): UnitActivities['createSlotMember'] {
  return async (input) =>
    onMember({
      ports,
      input,
      unitStep: 'create',
      work: async ({ engine, signal }) => {
        const site = siteOf(await openUnit(ports, input), input.plan);
        await engine.createContainer(memberSpec(site, input.member, input), signal);
      },
    });
}

/** Idempotent: the files are written again. */
export function createPutSlotFiles(ports: UnitPorts): UnitActivities['putSlotFiles'] {
  return async (input) =>
    onMember({
      ports,
      input,
      unitStep: 'files',
      work: async ({ engine, signal }) => {
        const opened = await openUnit(ports, input);
        const files = filesOf(siteOf(opened, input.plan), input.member);
        if (files.length === 0) return;
        await engine.putFiles(input.member.container, await readFiles(ports, opened.fleetUnit, files), signal);
      },
    });
}

/** Idempotent: one that runs already is only waited for. */
export function createStartSlotMember(ports: UnitPorts): UnitActivities['startSlotMember'] {
  return async (input) =>
    onMember({
      ports,
      input,
      unitStep: 'services',
      work: async ({ engine, signal }) => {
        const { container, host } = input.member;
        const opened = await openUnit(ports, input);
        const refused = await start(engine, container, signal);
        const problem =
          refused ?? (await engine.awaitHealth(container, healthOf(siteOf(opened, input.plan), input.member), signal));
        if (problem === null) return { problem };
        return { problem: conceal(`${container} on ${host}: ${problem}`, await secretsOf(ports, opened.fleetUnit)) };
      },
    });
}

/** An engine's no is the container's failure; an engine that is away is waited for. */
async function start(engine: Engine, container: string, signal: AbortSignal): Promise<string | null> {
  try {
    await engine.startContainer(container, signal);
    return null;
  } catch (error) {
    if (
      error instanceof EngineError &&
      (error.kind === 'refused' || error.kind === 'conflict' || error.kind === 'notFound')
    )
      return error.message;
    throw error;
  }
}

type AtMember = { readonly engine: Engine; readonly signal: AbortSignal };
type OnMember<Result> = {
  readonly ports: UnitPorts;
  readonly input: SlotMemberInput;
  readonly unitStep: UnitStep;
  readonly work: (at: AtMember) => Promise<Result>;
};

const onMember = async <Result>({ ports, input, unitStep, work }: OnMember<Result>): Promise<Result> => {
  const { fleet, member } = input;
  return beatOn({ unitStep, host: member.host, what: member.container }, async (signal) =>
    work({ engine: engineOf(ports, { fleet, host: member.host }), signal }),
  );
};

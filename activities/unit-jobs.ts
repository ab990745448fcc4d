import { cancellationSignal } from '@temporalio/activity';
import type { Job } from '../model/engine.ts';
import type { Command } from '../model/release.ts';
import { besideOf, fillContainer, jobNamed, tokensOn, type UnitSite } from '../model/unit-site.ts';
import { fillTokens } from '../model/unit-tokens.ts';
import { checkName, jobContainerName, networkName, type UnitJob, type UnitMigration } from '../model/unit.ts';
import {
  JOB_OUTPUT_LENGTH,
  lastLines,
  type PlannedMember,
  type UnitHeartbeat,
  type UnitStep,
} from '../model/unit-upgrade.ts';
import { whileBeating } from './beating.ts';
import { conceal } from './conceal.ts';
import { wrongInput } from './failure.ts';
import { openUnit, siteOf, type OpenedUnit, type UnitPorts } from './open-unit.ts';
import { attendJob } from './job-end.ts';
import { engineOf } from './own-fleet.ts';
import type { UnitActivities, UnitJobEnd, UnitJobInput } from './unit-activities.ts';
import { labelsOf, slotOf } from './unit-containers.ts';
import { readFiles, secretsOf } from './unit-files.ts';

/** Labels of a job's container, beside its slot's: which run of it it is. */
const JOB_LABEL = 'dev.refit.job';
const ATTEMPT_LABEL = 'dev.refit.unit-attempt';

/**
 * Idempotent: runs once for each attempt.
 *
 * 1. The container stays when it has ended, so that an attempt whose answer was lost is read again, and not run again.
 * 2. The next attempt that an operator asks for, and the same job of the next upgrade, take its place under its name: of one
 *    job of a unit there is never a second container on its host.
 * 3. A migration whose check says that it is applied is not run.
 * 4. No word of the unit's files is in the output that is told.
 */
export function createRunUnitJob(ports: UnitPorts): UnitActivities['runUnitJob'] {
  return async (input) => {
    const beat = { unitStep: stepOf(input), detail: `${input.job} is starting` };
    return whileBeating(
      (): UnitHeartbeat => ({ ...beat }),
      async () => run(ports, input, beat),
    );
  };
}

async function run(ports: UnitPorts, input: UnitJobInput, beat: { detail: string }): Promise<UnitJobEnd> {
  const opened = await openUnit(ports, input);
  const place = placeOf(siteOf(opened, input.plan), input);
  const secrets = await secretsOf(ports, opened.fleetUnit);
  const errand: Errand = { ports, input, opened, secrets, beat, ...place };
  const { job } = place;
  if (input.direction === 'up' && 'check' in job && job.check !== null) {
    const checked = await runIn(errand, { name: checkName(job.name), command: job.check });
    if (checked.outcome === 'succeeded') return { ...checked, outcome: 'alreadyDone' };
  }
  const command = input.direction === 'up' ? job.command : 'down' in job ? job.down : null;
  if (command === null) throw wrongInput(`migration ${job.name} has no way back`);
  return runIn(errand, { name: job.name, command });
}

type Place = { readonly site: UnitSite; readonly job: UnitJob | UnitMigration; readonly beside: PlannedMember };
type Errand = Place & {
  readonly ports: UnitPorts;
  readonly input: UnitJobInput;
  readonly opened: OpenedUnit;
  readonly secrets: readonly string[];
  readonly beat: { detail: string };
};

function placeOf(site: UnitSite, input: UnitJobInput): Place {
  const job = jobNamed(site.unit, input.job);
  const beside = job === null ? null : besideOf(site, job);
  if (job !== null && beside !== null) return { site, job, beside };
  throw wrongInput(
    `unit ${input.unit} of ${site.version} has no job ${input.job}, or none of its members to run beside`,
  );
}

async function runIn(errand: Errand, run: { readonly name: string; readonly command: Command }): Promise<UnitJobEnd> {
  const { ports, input, beside, secrets, beat } = errand;
  const signal = cancellationSignal();
  const engine = engineOf(ports, { fleet: input.fleet, host: beside.host });
  const job = await jobSpec(errand, run);
  beat.detail = `${run.name} on ${beside.host}`;
  const { exitCode, lines } = await attendJob(engine, { ...job, signal });
  return { outcome: exitCode === 0 ? 'succeeded' : 'failed', exitCode, output: told(lines, secrets) };
}

async function jobSpec(
  { ports, input, opened, site, job, beside }: Errand,
  { name, command }: { readonly name: string; readonly command: Command },
): Promise<Job> {
  const tokens = tokensOn(site, beside.host);
  const filled = fillContainer(job, tokens);
  const slot = slotOf(site, beside);
  return {
    name: jobContainerName(input.unit, name),
    image: job.image,
    binds: [],
    env: filled.env,
    command: command.map((text) => fillTokens(text, tokens)),
    ...(filled.entrypoint !== null && { entrypoint: filled.entrypoint }),
    labels: {
      ...labelsOf(site, slot, input),
      [JOB_LABEL]: name,
      [ATTEMPT_LABEL]: `${input.direction}-${input.attempt}`,
    },
    networkMode: networkName(input.unit, slot),
    files: await readFiles(ports, opened.fleetUnit, job.files),
    keep: true,
    deadlineMs: job.timeoutMs,
  };
}

/** The end of it, where the reason stands. */
const told = (lines: readonly string[], secrets: readonly string[]): string =>
  lastLines(conceal(lines.join('\n'), secrets), JOB_OUTPUT_LENGTH);

function stepOf({ job, plan, direction }: UnitJobInput): UnitStep {
  if (direction === 'down') return 'return';
  if (job === plan.accountData) return 'accountData';
  if (plan.tests.includes(job)) return 'tests';
  return plan.contract.some(({ name }) => name === job) ? 'contract' : 'expand';
}

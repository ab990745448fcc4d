import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Estimate } from '../estimate.ts';
import type { PlannedUpgrade } from '../plan-upgrade.ts';
import { savedPlanText } from '../saved-plan.ts';
import { withFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';
import { outputOf, withExamples, type CommonOptions } from './output.ts';
import { planLines } from './plan-lines.ts';
import { addInstallOptions, addPolicyOptions, policyFromOptions, type PolicyOptions } from './policy-options.ts';

type PlanOptions = CommonOptions & PolicyOptions & { readonly save?: string };

/** `refit plan REF`: the whole tree, before anything runs. */
export function registerPlan(program: Command): void {
  const command = program
    .command('plan')
    .description('show what an upgrade would do, and what stands against it; nothing is started')
    .argument('<reference>', 'the release, as repository:tag or repository@digest')
    .option('--save <file>', 'keep the plan; start exactly it with: refit upgrade --plan FILE');
  addPolicyOptions(addInstallOptions(command));
  withExamples(
    command,
    'refit plan registry.lab:5000/sample:2.0.0',
    'refit plan registry.lab:5000/sample:2.0.0 --install waves --waves 1,5,25%',
    'refit plan registry.lab:5000/sample:2.0.0 --save sample-2.plan.json',
    'refit plan registry.lab:5000/sample:2.0.0 --json',
  ).action(plan);
}

async function plan(reference: string, options: PlanOptions): Promise<void> {
  const output = outputOf(options);
  const policy = policyFromOptions(options);
  const planned = await withFleet((client) => client.plan({ reference, policy }));
  if (output.json) output.document(planned);
  else output.say(planText(planned, planned.estimate));
  refuse(planned, options.save);
  if (options.save === undefined) return;
  save(options.save, savedPlanText(planned, { reference, madeAt: new Date() }));
  output.say(`saved; start exactly this with: refit upgrade --plan ${options.save}`);
}

export const planText = (planned: PlannedUpgrade, estimate: Estimate): string =>
  planLines(planned, estimate).join('\n');

/** A plan that preflight would refuse is not worth keeping. */
function refuse({ findings }: PlannedUpgrade, file: string | undefined): void {
  const errors = findings.filter((finding) => finding.severity === 'error').length;
  if (errors === 0) return;
  const unsaved = file === undefined ? '' : `; ${file} was not written`;
  fail(
    exitCodes.wrongInput,
    `the upgrade would be refused: ${errors} of these findings must be mended first${unsaved}`,
  );
}

function save(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    fail(exitCodes.wrongInput, `the plan could not be saved: ${why}`, { cause: error });
  }
}

import { failureTypes } from '../model/failures.ts';
import type { Finding } from '../model/upgrade.ts';
import { read } from './gate.ts';
import { onUnit } from './proxies.ts';
import type { UnitRun } from './unit-run.ts';

/** Errors that a refusal spells out; it counts the others. */
const MAX_NAMED = 20;

/** Reads everything and plans; what speaks against it ends the upgrade before anything is created. null: an operator ends it. */
export async function planUnit(run: UnitRun): Promise<'planned' | 'alreadyThere' | null> {
  const { fleet, upgrade, unit, policy } = run.input;
  run.markStep('preflight', 'running');
  const summary = `preflight of ${unit}`;
  const input = { fleet, upgrade, unit, policy, release: run.release() };
  const found = await read(run, `reading hosts, registry and load balancer for ${unit}`, async () =>
    onUnit.planUnit.executeWithOptions({ summary }, [input]),
  );
  if (found === null) return null;
  run.findings = found.findings;
  if (found.alreadyThere !== null) {
    run.active = found.alreadyThere;
    run.markStep('preflight', 'done', `slot ${found.alreadyThere} is on it already`);
    return 'alreadyThere';
  }
  if (found.plan === null) {
    run.markStep('preflight', 'failed', `${found.findings.length} findings`);
    throw run.fail(failureTypes.wrongInput, refusal(unit, found.findings));
  }
  run.setPlan(found.plan);
  run.markStep('preflight', 'done', `slot ${found.plan.to}, ${found.plan.members.length} containers`);
  return 'planned';
}

function refusal(unit: string, findings: readonly Finding[]): string {
  const named = findings.slice(0, MAX_NAMED).map(({ host, what, remedy }) => `  ${host ?? unit}: ${what}; ${remedy}`);
  const more = findings.length > MAX_NAMED ? [`  and ${findings.length - MAX_NAMED} more`] : [];
  return [`unit ${unit} can't be upgraded, nothing was created`, ...named, ...more].join('\n');
}

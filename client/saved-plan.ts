import { DocumentProblems, formatPath, parseYaml, schemaProblems, type Problem } from '../drivers/yaml-document.ts';
import type { PlannedUpgrade } from './plan-upgrade.ts';
import { PLAN_VERSION, savedPlan, type SavedPlan } from './saved-plan-schema.ts';

/** Largest plan that is read; characters. Ten thousand hosts in all the hops that an upgrade may have are some 40 million, with kernel and engine of each. */
const MAX_LENGTH = 64 * 1024 ** 2;
/** Faults of a file that are told: the first say what it is. */
const MAX_FAULTS = 20;

/** A plan as it is kept: all of what was shown, so that a start can say what has changed since. */
export function savedPlanText(
  { fleet, release, policy, tree, hops }: PlannedUpgrade,
  { reference, madeAt }: { readonly reference: string; readonly madeAt: Date },
): string {
  const plan = { v: PLAN_VERSION, reference, digest: release.digest, fleet, tree, madeAt: madeAt.toISOString() };
  return `${JSON.stringify({ ...plan, policy, hops }, null, 2)}\n`;
}

/** Throws DocumentProblems, which name line and field, for a text that is no plan. */
export function parseSavedPlan(file: string, text: string): SavedPlan {
  if (text.length > MAX_LENGTH) {
    throw new DocumentProblems(file, [`1:1: expected at most ${MAX_LENGTH} characters, got ${text.length}`]);
  }
  const value = fromJson(text);
  if (value === undefined) throw new DocumentProblems(file, syntaxFaults(text));
  const parsed = savedPlan.safeParse(value);
  if (parsed.success) return parsed.data;
  const describe = describerOf(text);
  throw new DocumentProblems(file, schemaProblems(parsed.error.issues, value).slice(0, MAX_FAULTS).map(describe));
}

/** undefined: it is no JSON. */
function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** JSON is YAML, whose parser knows lines. */
function syntaxFaults(text: string): readonly string[] {
  const { faults } = parseYaml(text);
  return faults.length > 0 ? faults.slice(0, MAX_FAULTS) : ['1:1: expected JSON, as refit plan --save writes it'];
}

/** A plan of a large fleet is beyond what has lines there: then the field has to do. */
function describerOf(text: string): (problem: Problem) => string {
  const { value, describe } = parseYaml(text);
  return value === null ? ({ path, message }) => `1:1: ${formatPath(path)}: ${message}` : describe;
}

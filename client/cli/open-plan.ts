import { readFileSync } from 'node:fs';
import { DocumentProblems } from '../../drivers/yaml-document.ts';
import { parseSavedPlan } from '../saved-plan.ts';
import type { SavedPlan } from '../saved-plan-schema.ts';
import { exitCodes, fail } from './exit.ts';

/** A plan from a file; one that is none ends the command, with the line and the field. */
export function readPlan(file: string): SavedPlan {
  try {
    return parseSavedPlan(file, readFileSync(file, 'utf8'));
  } catch (error) {
    const isOurs = error instanceof DocumentProblems || (error instanceof Error && 'code' in error);
    if (!isOurs) throw error;
    const next = 'make a plan with: refit plan REFERENCE --save FILE';
    fail(exitCodes.wrongInput, `${error.message}\n${next}; nothing was started`, { cause: error });
  }
}

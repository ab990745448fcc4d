import type { z } from 'zod';
import { EITHER_FORM } from './manifest-fields.ts';

type Issue = z.core.$ZodIssue;

/** The faults of the form that the author took, instead of one that says that neither fits. */
export function ofEitherForm(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union' || issue.message !== EITHER_FORM) return [issue];
  const [first = [], ...others] = issue.errors;
  const taken = [first, ...others].find((faults) => !faults.some(isOtherForm)) ?? first;
  return taken.map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
}

const isOtherForm = ({ code, path }: Issue): boolean => code === 'invalid_type' && path.length === 0;

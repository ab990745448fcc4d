import type { TestProject } from 'vitest/node';
import { openLab, type Lab } from '../../lab/lab.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why there is no lab, or null. The other projects' tests have run by the time this fails those that need it. */
    readonly labProblem: string | null;
  }
}

/** Waves of 1 and 2 leave one host over, and an etcd of three members leaves one host without. */
const HOSTS = 4;

const say = (line: string): void => {
  process.stderr.write(`lab of the tests: ${line}\n`);
};

/**
 * Brings up the lab `test` for the end-to-end tests and takes it down afterwards.
 * A lab that an earlier run left in some state is replaced, unless REFIT_KEEP_LAB asks to keep it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const lab = openLab('test');
  const isKept = process.env['REFIT_KEEP_LAB'] === '1';
  const problem = await bringUp(lab, isKept).catch(String);
  if (problem !== null) say(problem);
  project.provide('labProblem', problem);
  return async () => {
    if (!isKept) await lab.down(say);
  };
}

async function bringUp(lab: Lab, isKept: boolean): Promise<string | null> {
  if (!isKept && (await lab.state()) !== undefined) await lab.down(say);
  const up = await lab.up({ hosts: HOSTS, say });
  return up.kind === 'refused' ? up.reason : null;
}

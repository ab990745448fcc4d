import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/**
 * change: an engine has answered a request that changes something · start: it has started a container · look: it has answered
 * anything · switch: the load balancer is about to be told whose turn it is, which its map's file says already · switched: it
 * has been told · balancer: it has answered anything.
 */
const sight = z.enum(['change', 'start', 'look', 'switch', 'switched', 'balancer']);
export type Sight = z.output<typeof sight>;

const moment = z.union([z.enum(['before', 'after']), z.strictObject({ sight, count: z.int().positive() })]);
/** before: the step was begun and nothing done · after: all is done, and nobody was told · else when it is seen so often. */
export type Moment = z.output<typeof moment>;

const kill = z.strictObject({ step: z.string(), moment, victim: z.int().nullable() });
/** `step`: a unit's activity, and what it is about, such as `cutOver green`. `victim`: a process; null: the worker itself. */
export type Kill = z.output<typeof kill>;

const plan = z.array(kill);

/**
 * The kills that are planned in the file: each once, over all the processes that read it. What is done stands beside the file.
 * The file is read at each step, so that the next upgrade has another one.
 */
export class Kills {
  readonly #file: string;
  readonly #armed = new Map<string, number>();
  /** Members have the same step side by side. */
  readonly #atWork = new Map<string, number>();

  constructor(file: string) {
    this.#file = file;
  }

  /** Kills at once if that is planned, and arms what is planned for the time in between. */
  begin(step: string): void {
    this.#atWork.set(step, (this.#atWork.get(step) ?? 0) + 1);
    for (const one of this.#due(step)) {
      if (one.moment === 'before') this.#strike(one);
      else if (one.moment !== 'after') this.#armed.set(keyOf(one), one.moment.count);
    }
  }

  saw(seen: Sight): void {
    if (this.#armed.size === 0) return;
    for (const one of this.#plan()) {
      const left = this.#armed.get(keyOf(one));
      if (left === undefined || typeof one.moment === 'string' || one.moment.sight !== seen) continue;
      this.#armed.set(keyOf(one), left - 1);
      if (left <= 1) this.#strike(one);
    }
  }

  end(step: string): void {
    const due = this.#due(step);
    for (const one of due) if (one.moment === 'after') this.#strike(one);
    const left = (this.#atWork.get(step) ?? 0) - 1;
    this.#atWork.set(step, left);
    // What was waited for was not seen in any of them: it dies between them and what comes next, rather than not at all.
    if (left === 0) for (const one of due) if (this.#armed.has(keyOf(one))) this.#strike(one);
  }

  #plan(): readonly Kill[] {
    return plan.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
  }

  #due(step: string): readonly Kill[] {
    return this.#plan().filter((one) => one.step === step && !existsSync(this.#doneFile(one)));
  }

  #strike(one: Kill): void {
    this.#armed.delete(keyOf(one));
    const file = this.#doneFile(one);
    if (existsSync(file)) return;
    writeFileSync(file, '');
    process.kill(one.victim ?? process.pid, 'SIGKILL');
  }

  #doneFile(one: Kill): string {
    return doneFile(this.#file, one);
  }
}

/** It is there once the kill is done. */
export const doneFile = (planFile: string, one: Kill): string => join(dirname(planFile), `done-${keyOf(one)}`);

const keyOf = ({ step, moment }: Kill): string =>
  `${step}-${typeof moment === 'string' ? moment : `${moment.sight}-${moment.count}`}`.replaceAll(
    /[^a-zA-Z0-9-]/g,
    '-',
  );

import { setTimeout as sleep } from 'node:timers/promises';

/** One look at what is waited for: there, or what was seen instead. */
export type Look<T> = { readonly ready: true; readonly value: T } | { readonly ready: false; readonly seen: string };

export type Wait = {
  /** What is waited for, as it reads after "waited 30 s for". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Read once when the deadline passes: the end of a log or journal that tells why. */
  readonly evidence?: () => Promise<string>;
};

/** Pause between two looks; a look costs a request or a short-lived process. */
const PAUSE_MS = 150;

/** Looks again and again until it is there; at the deadline it says what was seen last. A look that throws counts as not there. */
export async function waitFor<T>(wait: Wait, look: () => Promise<Look<T>>): Promise<T> {
  const end = performance.now() + wait.deadlineMs;
  for (;;) {
    const result = await lookOnce(look);
    if (result.ready) return result.value;
    if (performance.now() > end) throw new Error(await complaint(wait, result.seen));
    await sleep(PAUSE_MS);
  }
}

export const notYet = (seen: string): Look<never> => ({ ready: false, seen });

export const ready = <T>(value: T): Look<T> => ({ ready: true, value });

async function lookOnce<T>(look: () => Promise<Look<T>>): Promise<Look<T>> {
  try {
    return await look();
  } catch (error) {
    return notYet(describe(error));
  }
}

async function complaint(wait: Wait, seen: string): Promise<string> {
  const evidence = wait.evidence === undefined ? '' : await wait.evidence().catch(describe);
  const text = `waited ${wait.deadlineMs / 1000} s for ${wait.what}; last seen: ${seen}`;
  return evidence.trim() === '' ? text : `${text}\n${evidence.trim()}`;
}

/** An error and its cause in one line. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

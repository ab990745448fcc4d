import { setTimeout as sleep } from 'node:timers/promises';

/** Longest that a condition may take which usually holds at once: on two busy cores a process may stand still for seconds; ms. */
const WITHIN_MS = 30_000;

/** Waits until the check holds (does not throw, does not return false or null), and fails with its last error after the deadline. */
export async function eventually<Result>(
  check: () => Result | Promise<Result>,
  { withinMs = WITHIN_MS, everyMs = 10 }: { readonly withinMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<Result, false | null>> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  do {
    try {
      const result = await check();
      if (isThere(result)) return result;
      last = new Error(`the condition said ${String(result)}`);
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  } while (performance.now() < deadline);
  throw new Error(`not within ${withinMs} ms: ${last instanceof Error ? last.message : String(last)}`, { cause: last });
}

/** undefined holds: a check made of expectations returns nothing. */
function isThere<Result>(result: Result): result is Exclude<Result, false | null> {
  return result !== false && result !== null;
}

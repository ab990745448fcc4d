import type { HostId } from '../model/ids.ts';
import { ask } from './gate.ts';
import type { Ending, Run } from './run.ts';

/** Hosts that one question spells out; it names how many more there are. */
const MAX_NAMED = 3;

/**
 * One question about all hosts that failed, answered for each by `retry` or `skip`, or for all that are left by `resume`.
 * What was said of a host is taken by `takeAnswer`.
 */
export async function askAboutHosts(
  run: Run,
  failed: readonly { readonly host: HostId; readonly message: string }[],
  what: string,
): Promise<Ending> {
  const [first] = failed;
  if (first === undefined) return 'go';
  const { open, retry, skip } = run.wishes;
  for (const { host } of failed) open.add(host);
  const named = failed.slice(0, MAX_NAMED).map(({ host, message }) => `${host} ${what}: ${message}`);
  const more = failed.length > MAX_NAMED ? [`and ${failed.length - MAX_NAMED} more`] : [];
  return ask(run, {
    what: [...named, ...more].join('; '),
    host: first.host,
    answers: ['resume', 'retry HOST', 'skip HOST'],
    isAnswered: () => run.wishes.resume || failed.every(({ host }) => retry.has(host) || skip.has(host)),
  });
}

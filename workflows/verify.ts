import type { VerifyResult } from '../activities/activities.ts';
import type { Finding } from '../model/upgrade.ts';
import { ask, gate, read } from './gate.ts';
import { reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';

/** Verify phase: every host is measured once more; a host that is elsewhere is the operator's to decide on. */
export async function verify(run: Run): Promise<Ending> {
  run.enter('running', 'verify');
  // Every round is an operator's `resume`.
  for (;;) {
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    const result = await read(run, 'verify', async () => reading.verifyFleet(run.hopInput()));
    if (result === null) return run.wishes.ending ?? 'abort';
    const { elsewhere, summary } = judge(run, result);
    run.findings = [...run.planned().findings, ...elsewhere];
    if (summary === null) return 'go';
    const question = {
      what: summary,
      host: elsewhere[0]?.host ?? null,
      answers: ['resume'],
      isAnswered: () => run.wishes.resume,
    };
    const ending = await ask(run, question);
    if (ending !== 'go') return ending;
  }
}

/** `summary` null: every host that was not left is on the release. */
function judge(
  run: Run,
  { measured, elsewhere: found }: VerifyResult,
): { elsewhere: readonly Finding[]; summary: string | null } {
  const left = new Set(run.hop.hostsIn('skipped'));
  const elsewhere = found.filter(({ host }) => host !== null && !left.has(host));
  const { version } = run.hop.planned.release;
  const [first] = elsewhere;
  // The findings are bounded, the count is not: hosts that were left may have taken all the room.
  const count = Math.max(elsewhere.length, run.hop.hosts.size - measured - left.size);
  if (count <= 0) return { elsewhere, summary: null };
  const example = first === undefined ? '' : `, such as ${first.host ?? 'one'}: ${first.what}`;
  return { elsewhere, summary: `${count} ${count === 1 ? 'host is' : 'hosts are'} not on ${version}${example}` };
}

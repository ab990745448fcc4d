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
    const { fleet, upgrade } = run.input;
    const { release, planDigest } = run.planned();
    const result = await read(run, 'verify', async () => reading.verifyFleet({ fleet, upgrade, release, planDigest }));
    if (result === null) return run.wishes.ending ?? 'abort';
    const left = new Set(run.hostsIn('skipped'));
    const elsewhere = result.elsewhere.filter(({ host }) => host === null || !left.has(host));
    run.findings = [...run.planned().findings, ...elsewhere];
    const [first] = elsewhere;
    if (first === undefined) return 'go';
    const what = `${elsewhere.length} hosts are not on ${release.version}, such as ${first.host ?? 'one'}: ${first.what}`;
    const question = { what, host: first.host, answers: ['resume'], isAnswered: () => run.wishes.resume };
    const ending = await ask(run, question);
    if (ending !== 'go') return ending;
  }
}

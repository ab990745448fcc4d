import { leastAvailable } from '../model/service.ts';
import { ask, gate, read } from './gate.ts';
import { countOthers } from './service-members.ts';
import type { Ending } from './operated.ts';
import type { MemberRun, ServiceRun } from './service-run.ts';

/** Waits until these members can be taken, as it is now and not as it was planned: enough others are available. */
export async function awaitRoom(run: ServiceRun, taken: readonly MemberRun[]): Promise<Ending> {
  const { policy } = run.input;
  const least = leastAvailable(policy, run.members.size);
  // Every round is a look after a pause, or an operator's `resume`.
  for (let tries = 0; ; tries++) {
    const turn = await gate(run);
    if (turn !== 'go' || least === 0) return turn;
    const left = await read(run, 'looking at the members', async () => countOthers(run, taken));
    if (left === null) return run.ending() === 'go' ? 'abort' : run.ending();
    if (left >= least) return 'go';
    const what = `${least} members of ${run.input.service.name} to be available beside those that are next; there are ${left}`;
    if (tries < policy.environmentRetries) {
      const movedOnBy = 'members that become healthy, or are made ready at the load balancer';
      await run.wait({ what, host: null, movedOnBy }, () => run.isInterrupted(), policy.environmentRetryMs);
      continue;
    }
    const question = { what: `waited in vain for ${what}`, host: null, answers: ['resume'] };
    const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (ending !== 'go') return ending;
    tries = 0;
  }
}

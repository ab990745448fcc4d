import { download } from './download.ts';
import { ask, gate } from './gate.ts';
import { install } from './install.ts';
import { migrateAfter, migrateBefore } from './migrations.ts';
import type { Ending, Run } from './run.ts';
import { services } from './services.ts';
import { verify } from './verify.ts';

/** All hops, one after another: the next begins when the one before is verified, and, with `--step`, approved. */
export async function hops(run: Run): Promise<Ending> {
  for (const [index, { to }] of run.hops.entries()) {
    const ending = index === 0 ? 'go' : await approval(run, to);
    if (ending !== 'go') return ending;
    run.at = index;
    const done = await hop(run);
    if (done !== 'go') return done;
  }
  return 'go';
}

/** One supported jump, whole: its hosts, then what runs on them. */
async function hop(run: Run): Promise<Ending> {
  // What is approved while the upgrader itself is brought forward counts.
  if (run.at > 0 || run.planned().selfUpgrade === undefined) run.wishes.approved.clear();
  run.hop.enter('running');
  leaveBehind(run);
  for (const phase of [download, install, migrateBefore, services, migrateAfter, verify]) {
    const ending = await phase(run);
    if (ending !== 'go') return ending;
  }
  run.hop.enter('done');
  run.show();
  return 'go';
}

/** A host that an earlier hop left where it was can't take this one. */
function leaveBehind(run: Run): void {
  const earlier = run.hops.slice(0, run.at);
  for (const host of run.hop.hostsIn('pending')) {
    const left = earlier.find(({ hosts }) => hosts.get(host)?.state === 'skipped');
    if (left === undefined) continue;
    run.hop.move(host, 'skipped');
    run.hop.note(host, `left behind in the hop to ${left.to}`);
  }
}

/** The gate between two hops. */
async function approval(run: Run, to: string): Promise<Ending> {
  const { policy } = run.input;
  if (!policy.step || run.wishes.approved.has(to)) return gate(run);
  return ask(run, {
    what: `approval of the hop to ${to}`,
    host: null,
    answers: [`approve ${to}`, 'resume'],
    isAnswered: () => run.wishes.resume || run.wishes.approved.has(to),
  });
}

import { parseStepId } from '../../model/ids.ts';
import { eventually } from '../eventually.ts';
import type { FakeFleet } from '../fakes/fake-fleet.ts';
import type { Seeded } from './seeded.ts';
import type { Upgrade } from './upgrade.ts';

/** Commands that an operator gives at random before only answering what is asked. */
const COMMANDS = 6;

export type Operated = {
  readonly fleet: FakeFleet;
  readonly random: Seeded;
  /** Of which a roll back names one; none: it goes as far as it can. */
  readonly checkpoints?: readonly [string, ...string[]];
};

export function plantFaults(fleet: FakeFleet, random: Seeded): void {
  const step = parseStepId('packages');
  for (const host of fleet.hosts.values()) {
    if (random.next() < 0.1) fleet.failDownload(host.name, random.pick(['environment', 'release']));
    while (random.next() < 0.25) {
      host.failNext({
        state: random.pick(['reverted', 'unhealthy', 'lost', 'stuck']),
        step: random.pick([step, null]),
      });
    }
    if (random.next() < 0.3) fleet.probes.push({ ok: random.next() < 0.5, evidence: 'by chance' });
  }
}

/** Commands at moments that the fleet's own events choose; then whatever gets it to an end. */
export async function operate(upgrade: Upgrade, { fleet, random, checkpoints }: Operated): Promise<readonly string[]> {
  const given: string[] = [];
  const give = async (name: string, host?: string): Promise<void> => {
    const to = name === 'rollback' && checkpoints !== undefined ? { to: random.pick(checkpoints) } : {};
    const answer =
      host === undefined ? upgrade.command(name, to) : upgrade.onHost(name === 'skip' ? 'skipHost' : 'retryHost', host);
    given.push(`${name} ${host ?? ''} (${await answer.catch((error: unknown) => String(error))});`);
  };
  for (let turn = 0; turn < COMMANDS; turn++) {
    const events = fleet.log.length + random.below(4);
    const isOver = await untilEvents(upgrade, fleet, events);
    if (isOver) return given;
    const name = random.pick(['pause', 'resume', 'resume', 'rollback', 'retry', 'skip', 'abort', 'pause', 'resume']);
    // Ends are rare, or there would be little to see.
    if ((name === 'abort' || name === 'rollback') && random.next() < 0.6) continue;
    await give(name, name === 'retry' || name === 'skip' ? `host-${1 + random.below(fleet.hosts.size)}` : undefined);
  }
  await eventually(
    async () => {
      const { state, waiting } = await upgrade.progress();
      const migration = /approval of migration (\S+)/.exec(waiting[0]?.what ?? '')?.[1];
      if (migration !== undefined) await upgrade.command('approve', { step: migration });
      else if (state === 'paused' || state === 'waiting') await give('resume');
      return (await upgrade.handle.describe()).status.name !== 'RUNNING';
    },
    { withinMs: 60_000, everyMs: 50 },
  );
  return given;
}

/** True: the upgrade is over. A fleet in which nothing happens any more waits for its operator. */
async function untilEvents(upgrade: Upgrade, fleet: FakeFleet, count: number): Promise<boolean> {
  return eventually(
    async () => {
      if ((await upgrade.handle.describe()).status.name !== 'RUNNING') return { isOver: true };
      const { state } = await upgrade.progress();
      return fleet.log.length >= count || state === 'paused' || state === 'waiting' ? { isOver: false } : null;
    },
    { withinMs: 30_000, everyMs: 10 },
  ).then(({ isOver }) => isOver);
}

import type { UpgradeId } from '../../model/ids.ts';
import type { Progress } from '../../model/upgrade.ts';
import type { Upgrades } from '../upgrades.ts';
import { exitCodes, fail } from './exit.ts';
import { createLiveView } from './live-view.ts';
import type { Output } from './output.ts';
import { progressDocument } from './progress-document.ts';
import { needsOperator, verdict, type Asked } from './verdict.ts';

export type Following = {
  readonly upgrades: Upgrades;
  readonly id: UpgradeId;
  readonly asked: Asked;
  /** Whether the command ends when only an operator can move the upgrade on. */
  readonly stopsForOperator: boolean;
};

/** Exit code of a program that Ctrl-C ended, as shells have it: a script must not take it for done. */
const INTERRUPTED = 130;
/** A roll back asked for a moment ago may still look paused; ms. */
const ROLLBACK_BEGINS_WITHIN_MS = 5_000;

/** Shows the upgrade until it is over, waits for an operator, or the person detaches; then says how it stands. */
export async function follow(following: Following, output: Output): Promise<void> {
  const { upgrades, id, asked } = following;
  const detach = new AbortController();
  const onInterrupt = (): void => detach.abort();
  process.once('SIGINT', onInterrupt);
  const view = createLiveView(output.people);
  const isOurStop = stopRule(following);
  try {
    const last = await upgrades.watch(
      id,
      {
        onProgress: (progress) => {
          view.show(progress);
          return isOurStop(progress) ? 'stop' : 'go on';
        },
        onTrouble: (message, since) => view.trouble(message, since),
      },
      detach.signal,
    );
    view.end();
    if (detach.signal.aborted) detached(id, last, output);
    else if (last === null) fail(exitCodes.wrongInput, `there is no upgrade ${id} any more`);
    else conclude(last, asked, output);
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

/** Prints how the upgrade stands, and ends the command with the code that says so. */
export function conclude(progress: Progress, asked: Asked, output: Output): void {
  if (output.json) output.document(progressDocument(progress));
  const { exitCode, message } = verdict(progress, asked);
  if (exitCode !== exitCodes.done) fail(exitCode, message);
  output.say(message);
}

function stopRule({ asked, stopsForOperator }: Following): (progress: Progress) => boolean {
  const since = Date.now();
  let isGoingBack = asked === 'upgrade';
  return (progress) => {
    isGoingBack ||= progress.state === 'rollingBack' || Date.now() - since > ROLLBACK_BEGINS_WITHIN_MS;
    return stopsForOperator && isGoingBack && needsOperator(progress);
  };
}

function detached(id: UpgradeId, last: Progress | null, output: Output): void {
  if (output.json && last !== null) output.document(progressDocument(last));
  process.stderr.write(`\nupgrade ${id} goes on; watch it again with: refit upgrades watch ${id}\n`);
  process.exitCode = INTERRUPTED;
}

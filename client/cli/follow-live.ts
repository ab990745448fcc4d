import type { Watcher } from '../watch.ts';
import { createLiveView, type Wording } from './live-view.ts';
import type { Output } from './output.ts';

/** Something that runs, as a command follows it. */
export type Live<Look> = {
  readonly watch: (watcher: Watcher<Look>, signal: AbortSignal) => Promise<Look | null>;
  readonly wording: Wording<Look>;
  /** Ends the command, though it is not over. */
  readonly isOurStop: (look: Look) => boolean;
};

/** `last` null: it was never seen. */
export type Followed<Look> = { readonly last: Look | null; readonly isDetached: boolean };

/** Exit code of a program that Ctrl-C ended, as shells have it: a script must not take it for done. */
export const INTERRUPTED = 130;

/** Shows it until it is over, the command has seen enough, or the person detaches. */
export async function followLive<Look>(live: Live<Look>, output: Output): Promise<Followed<Look>> {
  const detach = new AbortController();
  const onInterrupt = (): void => detach.abort();
  process.once('SIGINT', onInterrupt);
  const view = createLiveView(output.people, live.wording);
  try {
    const last = await live.watch(
      {
        onProgress: (look) => {
          view.show(look);
          return live.isOurStop(look) ? 'stop' : 'go on';
        },
        onTrouble: (message, since) => view.trouble(message, since),
      },
      detach.signal,
    );
    view.end();
    return { last, isDetached: detach.signal.aborted };
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
}

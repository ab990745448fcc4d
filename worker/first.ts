import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { BuildId, WorkerVersions } from '../model/upgrader.ts';

/** Between two looks whether Temporal has heard of this build yet; ms. It does within a second of the first question for work. */
const LOOK_MS = 500;
/** Looks until it is taken for never; a busy server needs a few. */
const MAX_LOOKS = 120;

export type First = { readonly versions: WorkerVersions; readonly signal: AbortSignal; readonly log: Logger };

/** Of a fleet that has no current version at all the first worker takes it: from then on, only an upgrade changes it. */
export async function becomeFirst(build: BuildId, { versions, signal, log }: First): Promise<void> {
  for (let look = 1; look <= MAX_LOOKS && !signal.aborted; look += 1) {
    try {
      const found = await versions.list(signal);
      const current = found.find(({ isCurrent }) => isCurrent)?.build ?? null;
      const isHeard = found.some((version) => version.build === build);
      if (current === null && isHeard) await versions.setCurrent(build, signal);
      if (current !== null || isHeard) {
        log.info({ build, current: current ?? build, wasFirst: current === null }, 'worker version known');
        return;
      }
    } catch (error) {
      log.warn({ build, error }, 'worker versions not read');
    }
    await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

import type { RunLook } from '../run-look.ts';
import { exitCodes } from './exit.ts';
import type { Verdict } from './verdict.ts';

/** The verdict on a run that ended without a word of its own is the same for every kind. */
export function runVerdict<Progress>(look: RunLook<Progress>, ofProgress: (progress: Progress) => Verdict): Verdict {
  switch (look.run) {
    case 'refused':
      return { exitCode: exitCodes.wrongInput, message: `${look.because}; nothing was changed` };
    case 'closed':
      return {
        exitCode: exitCodes.failed,
        message: `the workflow was closed before it could say how it ended: ${look.because}; the same command again goes on from where the hosts are`,
      };
    case 'live':
    case 'ended':
      return ofProgress(look.progress);
  }
}

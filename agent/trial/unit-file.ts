import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { STATE_FOLDER, type Places } from '../places.ts';
import type { Agent } from './trial.ts';

export const TRIAL_UNIT = 'refit-agent-trial.service';

/** Within an agent's folder. */
const PROGRAM = 'agent/trial.cjs';

/** Beyond the longest of one attempt and a way back; who hangs that long is killed, started again, and resumes; s. */
const MAX_RUN_S = 900;

type Pair = { readonly from: Agent; readonly to: Agent };

/**
 * The trial as a unit of the host. Loader and Node are the old agent's, which have run here, and so is the program: what is
 * on trial does not judge itself. An old agent of before there were trials has no program, so the new one's is taken; if
 * that does not start, nothing has been switched yet.
 */
export function trialUnitFile(places: Places, { from, to }: Pair): string {
  const old = `${STATE_FOLDER}/agents/${from.version}`;
  const owner = existsSync(join(places.agents, from.version, PROGRAM)) ? from : to;
  const program = `${STATE_FOLDER}/agents/${owner.version}/${PROGRAM}`;
  return `[Unit]
Description=refit agent on trial: the one before comes back unless the new one proves itself
StartLimitIntervalSec=0

[Service]
Type=simple
ExecStart=${old}/runtime/ld.so --library-path ${old}/runtime/lib ${old}/runtime/node ${program}
Restart=on-failure
RestartSec=500ms
RuntimeMaxSec=${MAX_RUN_S}
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
`;
}

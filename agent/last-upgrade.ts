import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isAtWork } from '../model/agent-phase.ts';
import { currentWork, phaseOf, type AgentState, type Work } from './core/state.ts';
import { readJournals } from './local/journals.ts';
import type { Places } from './places.ts';
import { KEPT_NOTE } from './steps/edited-file.ts';

/** What a host's last upgrade left there, as its journal says. */
export type LastUpgrade = {
  readonly version: string;
  /** null: it brought none. */
  readonly kernel: string | null;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
  readonly files: readonly LeftFile[];
};

export type LeftFile = {
  readonly to: string;
  readonly hash: string;
  /** An administrator's: content alone is compared. */
  readonly isKept: boolean;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
};

/** Reads the journals again only when one of them changed. null: there was no upgrade, or the host is not at rest. */
export function lastUpgradeReader(places: Places): () => LastUpgrade | null {
  let last: { readonly mark: string; readonly found: LastUpgrade | null } | null = null;
  return () => {
    const mark = markOf(places.journal);
    if (last?.mark !== mark) last = { mark, found: findLastUpgrade(readJournals(places)) };
    return last.found;
  };
}

function markOf(folder: string): string {
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names
    .sort()
    .map((name) => {
      const found = statSync(join(folder, name), { throwIfNoEntry: false });
      return `${name} ${found?.size ?? 0} ${found?.mtimeMs ?? 0} ${found?.ino ?? 0}`;
    })
    .join('\n');
}

/** Of an upgrade that was undone nothing is left; what it had changed is again as the one before left it. */
function findLastUpgrade(state: AgentState): LastUpgrade | null {
  const isAtRest =
    state.corrupt === null && !isAtWork(phaseOf(state)) && currentWork(state)?.finished?.phase !== 'stuck';
  const work = isAtRest ? state.works.findLast(({ service, inEffect }) => service === null && inEffect) : undefined;
  return work === undefined ? null : leftBy(work);
}

function leftBy({ order, host, finished }: Work): LastUpgrade {
  const measured = finished?.measured ?? {};
  const files = new Map<string, LeftFile>();
  for (const step of host.steps) {
    for (const { to, mode, owner, group } of step.type === 'files' ? step.files : []) {
      const value = measured[`file:${to}`];
      if (value === undefined) continue;
      const isKept = value.endsWith(KEPT_NOTE);
      const hash = value.slice('sha256:'.length, isKept ? -KEPT_NOTE.length : undefined);
      files.set(to, { to, hash, isKept, mode, owner, group });
    }
  }
  const packages = host.steps.flatMap((step) =>
    step.type === 'packages' || step.type === 'engine' ? step.packages : [],
  );
  return { version: order.release.version, kernel: measured['kernel'] ?? null, packages, files: [...files.values()] };
}

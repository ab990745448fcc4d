import { parseUpgradeId, type UpgradeId } from '../../model/ids.ts';
import { isOver, type Progress } from '../../model/upgrade.ts';
import { commandAnswerSchema } from '../api/schemas/command.ts';
import { startedSchema, upgradePageSchema, upgradeSchema } from '../api/schemas/upgrade.ts';
import type { FoundUpgrade } from '../find-upgrade.ts';
import { nextUpgradeId } from '../next-upgrade-id.ts';
import type { StartOutcome, StartRequest, Upgrades } from '../upgrades.ts';
import type { Api } from './call.ts';
import { commandDocument, outcomeOf } from './commands.ts';
import { readPages } from './pages.ts';
import { watchLevel } from './watch-level.ts';

/** Names that are tried when others take them first: each time somebody's upgrade has begun and ended in between. */
const NAMES = 3;

/** Upgrades of a fleet by way of its API. `root`: `/v1/fleets/lab`. */
export function remoteUpgrades(api: Api, root: string, fleet: string): Upgrades {
  const one = (id: UpgradeId): string => `${root}/upgrades/${id}`;
  const list = (): Promise<readonly FoundUpgrade[]> =>
    readPages(async (query) => {
      const { upgrades, nextCursor } = await api.get(`${root}/upgrades?${query}`, upgradePageSchema);
      return { items: upgrades, nextCursor };
    });
  const progress = (id: UpgradeId): Promise<Progress | null> => api.find(one(id), upgradeSchema);
  return {
    start: (request) => start({ api, root, fleet, list }, request),
    list,
    progress,
    command: async (id, command) =>
      outcomeOf(await api.post(`${one(id)}/commands`, commandDocument(command), commandAnswerSchema)),
    watch: (id, watcher, signal) =>
      watchLevel(
        {
          ...{ transport: api.transport, path: `${one(id)}/events` },
          ...{ schema: upgradeSchema, isOver: ({ state }) => isOver(state) },
        },
        watcher,
        signal,
      ),
  };
}

type Starting = {
  readonly api: Api;
  readonly root: string;
  readonly fleet: string;
  readonly list: () => Promise<readonly FoundUpgrade[]>;
};

/** Named here, so that upgrades count on whoever starts them. */
async function start({ api, root, fleet, list }: Starting, request: StartRequest): Promise<StartOutcome> {
  const { reference, digest, policy, tree } = request;
  for (let name = 1; ; name++) {
    const before = await list();
    const id =
      request.id ??
      parseUpgradeId(
        nextUpgradeId(
          fleet,
          before.map((each) => each.id),
        ),
      );
    const body = { reference, digest, policy, id, ...(tree !== undefined && { tree }) };
    const posted = await api.post(`${root}/upgrades`, body, startedSchema);
    if (posted.outcome === 'done') return { outcome: 'started', id: posted.value.id };
    const now = await list();
    const running = now.find(({ isRunning }) => isRunning);
    if (running !== undefined) return { outcome: 'running', id: running.id, release: running.release };
    const isUsed = now.some((each) => each.id === id);
    if (isUsed && request.id !== undefined) return { outcome: 'idUsed', id };
    if (name === NAMES) throw new Error(`the API did not start upgrade ${id} of fleet ${fleet}: ${posted.because}`);
  }
}

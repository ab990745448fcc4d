import type { UnitId } from '../../model/ids.ts';
import { imageReference } from '../../model/release.ts';
import { commandAnswerSchema } from '../api/schemas/command.ts';
import { unitLookSchema, unitRunSchema } from '../api/schemas/unit.ts';
import { runName } from '../run-name.ts';
import type { UnitRequest, Units } from '../units.ts';
import type { Api } from './call.ts';
import { commandDocument, outcomeOf } from './commands.ts';
import { busy, remoteRuns, type AskedRun } from './remote-runs.ts';

/** Units of a fleet by way of its API. */
export function remoteUnits(api: Api, root: string): Units {
  const runs = remoteRuns(api, { run: unitRunSchema, look: unitLookSchema });
  const pathOf = (unit: UnitId): string => `${root}/units/${unit}`;
  return {
    start: async (request) => {
      const path = pathOf(request.unit);
      const posted = await runs.start({ path, ...askedOf(request) });
      return posted.outcome === 'done' ? { outcome: 'started', ...posted.value } : busy(await runs.latest(path));
    },
    latest: (unit) => runs.latest(pathOf(unit)),
    look: runs.look,
    command: async (unit, command) =>
      outcomeOf(await api.post(`${pathOf(unit)}/commands`, commandDocument(command), commandAnswerSchema)),
    watch: runs.watch,
  };
}

/** Named here, as without an API. */
function askedOf({ unit, action, id = runName(unit, Date.now()) }: UnitRequest): Omit<AskedRun, 'path'> {
  if (action.action === 'deleteStandby') {
    const { reason } = action;
    return { collection: 'standby-deletions', body: { id, ...(reason !== undefined && { reason }) } };
  }
  const { release, policy } = action;
  return { collection: 'upgrades', body: { id, reference: imageReference(release), policy } };
}

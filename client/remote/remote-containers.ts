import type { MemberId } from '../../model/service.ts';
import { containerLookSchema, containerRunSchema } from '../api/schemas/container.ts';
import type { ContainerRequest, Containers } from '../containers.ts';
import type { Api } from './call.ts';
import { busy, remoteRuns, type AskedRun } from './remote-runs.ts';

/** Single containers of a fleet by way of its API. */
export function remoteContainers(api: Api, root: string): Containers {
  const runs = remoteRuns(api, { run: containerRunSchema, look: containerLookSchema });
  const pathOf = ({ host, container }: MemberId): string =>
    `${root}/hosts/${host}/containers/${encodeURIComponent(container)}`;
  return {
    start: async (request) => {
      const path = pathOf(request.container);
      const posted = await runs.start({ path, ...askedOf(request) });
      return posted.outcome === 'done' ? { outcome: 'started', ...posted.value } : busyOf(await runs.latest(path));
    },
    latest: (container) => runs.latest(pathOf(container)),
    look: runs.look,
    watch: runs.watch,
  };
}

function askedOf({ action }: ContainerRequest): Omit<AskedRun, 'path'> {
  if (action.action === 'rollback') return { collection: 'rollbacks' };
  const { action: _, ...body } = action;
  return { collection: 'upgrades', body };
}

function busyOf(winner: Parameters<typeof busy>[0]): { readonly outcome: 'running'; readonly id: string } {
  const { outcome, id } = busy(winner);
  return { outcome, id };
}

import type { ServiceId } from '../../model/ids.ts';
import { commandAnswerSchema } from '../api/schemas/command.ts';
import { serviceLookSchema, serviceRunSchema } from '../api/schemas/service.ts';
import { runName } from '../run-name.ts';
import type { ServiceRequest, Services } from '../services.ts';
import type { Api } from './call.ts';
import { commandDocument, outcomeOf } from './commands.ts';
import { busy, remoteRuns } from './remote-runs.ts';

/** Services of a fleet by way of its API. */
export function remoteServices(api: Api, root: string): Services {
  const runs = remoteRuns(api, { run: serviceRunSchema, look: serviceLookSchema });
  const pathOf = (service: ServiceId): string => `${root}/services/${service}`;
  return {
    start: async (request) => {
      const path = pathOf(request.service);
      const posted = await runs.start({ path, collection: 'upgrades', body: bodyOf(request) });
      return posted.outcome === 'done' ? { outcome: 'started', ...posted.value } : busy(await runs.latest(path));
    },
    takeBack: async (service) => {
      const path = pathOf(service);
      const posted = await runs.start({ path, collection: 'rollbacks' });
      if (posted.outcome === 'done') return { outcome: 'started', ...posted.value };
      // Of one that is at work nothing is said of the service itself.
      if (posted.field === null) return busy(await runs.latest(path));
      return { outcome: 'nothing', because: posted.because };
    },
    latest: (service) => runs.latest(pathOf(service)),
    look: runs.look,
    command: async (service, command) =>
      outcomeOf(await api.post(`${pathOf(service)}/commands`, commandDocument(command), commandAnswerSchema)),
    watch: runs.watch,
  };
}

/** Named here, as without an API. */
function bodyOf({ service, requestedBy: _, id, ...asked }: ServiceRequest): object {
  return { ...asked, id: id ?? runName(service, Date.now()) };
}

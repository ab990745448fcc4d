import { assert } from '../model/assert.ts';
import type { ServiceId } from '../model/ids.ts';
import { defaultServicePolicy, SERVICE_SEQUENCES, type ServiceUpgradeInput } from '../model/service.ts';
import type { Run } from './run.ts';

/** What a service's own upgrade is told, as a part of this one. */
export function serviceInput(run: Run, name: ServiceId, action: ServiceUpgradeInput['action']): ServiceUpgradeInput {
  const { requestedBy, policy } = run.input;
  const { fleet, upgrade, release } = run.hopInput();
  const { environmentRetryMs, environmentRetries } = policy;
  const loaded = run.hop.services.loaded.get(name);
  assert(loaded !== undefined, `service ${name} was read before anything is done to it`);
  return {
    ...loaded,
    action,
    upgrade,
    takeBack: upgrade,
    fleet,
    requestedBy,
    // A service that fails goes back by itself, so that this upgrade decides on whole services only.
    policy: {
      ...defaultServicePolicy,
      ...loaded.policy,
      ...{ onFailure: 'rollback', environmentRetryMs, environmentRetries },
    },
    release: {
      release,
      fence: { epoch: run.epoch, sequence: run.takeSequence(SERVICE_SEQUENCES) },
    },
  };
}

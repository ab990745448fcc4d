import { releaseLabel } from '../model/release.ts';
import { WrongInput, type FleetClient } from './fleet-client.ts';
import { planChanges } from './plan-changes.ts';
import type { SavedPlan } from './saved-plan-schema.ts';
import type { StartRequest } from './upgrades.ts';

/** What starts exactly the saved plan. Plans again: where that comes to anything else, WrongInput says what. */
export async function requestOfPlan(
  client: Pick<FleetClient, 'plan'>,
  saved: SavedPlan,
): Promise<Omit<StartRequest, 'requestedBy'>> {
  const { reference, policy, tree } = saved;
  const planned = await client.plan({ reference, policy });
  const changes = planChanges(saved, planned);
  if (changes.length > 0) {
    const head = `the plan of ${saved.madeAt} no longer holds:`;
    const next = `plan again with: refit plan ${reference} --save FILE; nothing was started`;
    throw new WrongInput('tree', [head, ...changes.map((change) => `  ${change}`), next].join('\n'));
  }
  return { reference, digest: planned.release.digest, release: releaseLabel(planned.release), policy, tree };
}

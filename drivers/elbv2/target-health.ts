import type { TargetHealth, TargetHealthDescription } from '@aws-sdk/client-elastic-load-balancing-v2';
import type { ServiceId } from '../../model/ids.ts';
import type { SlotServer } from '../../model/slot-balancer.ts';

/** AWS tells no number of requests that a target is at work on, so `sessions` is always 0. */
export function toServer(service: ServiceId, { Target, TargetHealth: health }: TargetHealthDescription): SlotServer {
  const { Id = '', Port } = Target ?? {};
  const address = `${Id.includes(':') ? `[${Id}]` : Id}${Port === undefined ? '' : `:${Port}`}`;
  return { service, name: address, address, state: stateOf(health), health: healthOf(health), sessions: 0 };
}

const stateOf = (health: TargetHealth | undefined): SlotServer['state'] =>
  health?.State === 'draining' || health?.State === 'unhealthy.draining' ? 'drain' : 'ready';

/** AWS does not check the targets of a group that no listener and no rule names, nor those whose check is switched off. */
function healthOf(health: TargetHealth | undefined): SlotServer['health'] {
  switch (health?.State) {
    case 'healthy':
    case 'draining':
      return 'up';
    case 'initial':
      return 'starting';
    case 'unused':
      return health.Reason === 'Target.NotInUse' ? 'unchecked' : 'down';
    case 'unavailable':
      return health.Reason === 'Target.HealthCheckDisabled' ? 'unchecked' : 'down';
    case 'unhealthy':
    case 'unhealthy.draining':
    case undefined:
      return 'down';
  }
}

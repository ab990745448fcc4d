import { cancellationSignal, log } from '@temporalio/activity';
import { isHealthy, LoadBalancerError, type BalancedServer } from '../model/load-balancer.ts';
import { whileBeating } from './beating.ts';
import { wrongInput } from './failure.ts';
import { change, startBeat, type MemberBeat } from './member-beat.ts';
import type { MemberActivities, SteerMemberInput, SteerMemberResult } from './member-activities.ts';
import type { Ports } from './ports.ts';

/** Time between two looks at the balancer; ms. It is time that the member serves nobody. */
const LOOK_MS = 100;
/** Looks in a row that must find nothing to do: a request may be on its way to the server when its state changes. */
const IDLE_LOOKS = 2;

type SteerPorts = Pick<Ports, 'loadBalancer' | 'clock'>;
type Steering = {
  readonly ports: SteerPorts;
  readonly input: SteerMemberInput;
  readonly beat: MemberBeat;
  readonly signal: AbortSignal;
};

/** Idempotent: a state that is set already is set again. All attempts share one time to wait. */
export function createSteerMember(ports: SteerPorts): MemberActivities['steerMember'] {
  return async (input) => {
    const { host, container, to } = input;
    const stage = to === 'ready' ? 'admitting' : 'draining';
    const beat = startBeat({ host, container, stage });
    const signal = cancellationSignal();
    try {
      const result = await whileBeating(
        () => ({ ...beat }),
        async () => steer({ ports, input, beat, signal }),
      );
      log.info('member steered', { host, container, to, ...result });
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LoadBalancerError && error.kind === 'notFound') throw wrongInput(error.message, error);
      throw error;
    }
  };
}

async function steer(steering: Steering): Promise<SteerMemberResult> {
  const { ports, input, beat, signal } = steering;
  const { loadBalancer, backend, server, to, waitMs } = input;
  await ports.loadBalancer(loadBalancer).setState({ backend, server }, to, signal);
  const since = beat.since ?? ports.clock.now();
  change(beat, { since });
  for (let idleLooks = 0; ;) {
    const seen = await look(steering);
    const { sessions } = seen;
    const healthy = isHealthy(seen);
    if (beat.sessions !== sessions) change(beat, { sessions });
    idleLooks = sessions === 0 ? idleLooks + 1 : 0;
    const isThere = to === 'ready' ? healthy : to === 'maintenance' || idleLooks >= IDLE_LOOKS;
    if (isThere || ports.clock.now() >= since + waitMs) return { sessions, healthy };
    await ports.clock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

async function look({ ports, input, signal }: Steering): Promise<BalancedServer> {
  const { loadBalancer, backend, server } = input;
  const found = (await ports.loadBalancer(loadBalancer).servers(backend, signal)).find(({ name }) => name === server);
  if (found !== undefined) return found;
  throw new LoadBalancerError('notFound', `load balancer ${loadBalancer}: backend ${backend} has no server ${server}`);
}

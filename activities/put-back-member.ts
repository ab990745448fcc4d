import { cancellationSignal, log } from '@temporalio/activity';
import { whileBeating } from './beating.ts';
import { startBeat } from './member-beat.ts';
import type { MemberActivities } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';

type BackPorts = Pick<Ports, 'engine' | 'loadFleet'>;

/** Idempotent and resumable, as the way to the new container is. */
export function createPutBackMember(ports: BackPorts): MemberActivities['putBackMember'] {
  return async (input) => {
    const { host, container, until, to } = input;
    const engine = engineOf(ports, input);
    const beat = startBeat({ host, container, stage: 'puttingBack' });
    const signal = cancellationSignal();
    const outcome = await whileBeating(
      () => ({ ...beat }),
      async () => engine.putBackContainer({ container, until, ...(to !== undefined && { to }), signal }),
    );
    log.info('way back ended', { host, container, outcome: outcome.outcome });
    return outcome;
  };
}

/** Idempotent: what is gone already is not counted. */
export function createDiscardKept(ports: BackPorts): MemberActivities['discardKept'] {
  return async (input) => {
    const { host, container, only } = input;
    const engine = engineOf(ports, input);
    const beat = startBeat({ host, container, stage: 'finishing' });
    return whileBeating(
      () => ({ ...beat }),
      async () => ({ removed: await engine.discardKept(container, only, cancellationSignal()) }),
    );
  };
}

/** Idempotent. An image that a container uses stays, whosever that is. */
export function createRemovePulledImage(ports: BackPorts): MemberActivities['removePulledImage'] {
  return async (input) => {
    const { host, container, image } = input;
    const engine = engineOf(ports, input);
    const beat = startBeat({ host, container, stage: 'finishing' });
    const end = await whileBeating(
      () => ({ ...beat }),
      async () => engine.removeImage(image, cancellationSignal()),
    );
    log.info('pulled image given up', { host, image, end });
  };
}

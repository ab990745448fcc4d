import { log } from '@temporalio/activity';
import { needBalancer, type UnitPorts } from './open-unit.ts';
import type { UnitActivities } from './unit-activities.ts';
import { beatOn } from './unit-beat.ts';

/** Time between two looks at the balancer; ms. */
const LOOK_MS = 200;
/** Looks in a row that must find nothing to do: a request may be on its way to a server when the slot changes. */
const IDLE_LOOKS = 3;

/** Idempotent: what is cut over already is cut over again. The counts are from before, so that no request of the slot is missed. */
export function createCutOver(ports: UnitPorts): UnitActivities['cutOver'] {
  return async (input) =>
    beatOn({ unitStep: 'cutover', host: null, what: `requests of ${input.unit} to ${input.slot}` }, async (signal) => {
      const { slots, balanced } = needBalancer(ports, input);
      const traffic = await slots.traffic(balanced, input.slot, signal);
      await slots.cutOver(balanced, input.slot, signal);
      log.info('cutover done', { unit: input.unit, slot: input.slot });
      return { traffic };
    });
}

/** Idempotent: waits. Each attempt has all of the time. */
export function createDrainSlot(ports: UnitPorts): UnitActivities['drainSlot'] {
  return async (input) =>
    beatOn({ unitStep: 'delete', host: null, what: `${input.slot} is finishing its requests` }, async (signal) => {
      const { slots, balanced } = needBalancer(ports, input);
      const until = ports.clock.now() + input.waitMs;
      for (let idleLooks = 0; ;) {
        const servers = await slots.servers(balanced, input.slot, signal);
        const sessions = servers.reduce((sum, server) => sum + server.sessions, 0);
        idleLooks = sessions === 0 ? idleLooks + 1 : 0;
        if (idleLooks >= IDLE_LOOKS || ports.clock.now() >= until) return { sessions };
        await ports.clock.sleep(LOOK_MS, signal);
        signal.throwIfAborted();
      }
    });
}

import { subscribe } from 'node:diagnostics_channel';
import { ClientRequest } from 'node:http';
import { NativeConnection } from '@temporalio/worker';
import { z } from 'zod';
import { createActivities } from '../../../activities/create.ts';
import type { Ports } from '../../../activities/ports.ts';
import { loadFleet } from '../../../drivers/fleet-file.ts';
import { openSlotBalancer } from '../../../drivers/slot-balancers.ts';
import { createLog, installRuntime } from '../../../worker/log.ts';
import { createPorts } from '../../../worker/ports.ts';
import { createRefitWorker } from '../../../worker/worker.ts';
import { startRuntimeProxy } from '../../parts/runtime-proxy.ts';
import { Kills } from './kills.ts';

// A worker in a process of its own, which kills itself, or another, where it is told to: FLEETFILE KILLSFILE. Runs until then.

const CHANGES = ['POST', 'PUT', 'DELETE'];
const STARTS = /^\/containers\/[^/]+\/start/;

async function main(): Promise<void> {
  const [fleetFile = '', killsFile = ''] = process.argv.slice(2);
  const kills = new Kills(killsFile);
  watchEngines(kills);
  const log = createLog();
  installRuntime(log);
  const { fleet, temporal } = loadFleet(fleetFile);
  const { ports } = createPorts({
    fleetFile,
    log: (message, fields) => log.info(fields, message),
    temporal: null,
  });
  const watched = await watchBalancers(ports, kills);
  const connection = await NativeConnection.connect({ address: temporal?.address ?? '' });
  const activities = killable(createActivities(watched), kills);
  const worker = await createRefitWorker({
    connection,
    namespace: 'default',
    fleet,
    ports: watched,
    version: null,
    activities,
  });
  await worker.run();
}

/** Only engines are asked through a socket in a folder. */
function watchEngines(kills: Kills): void {
  subscribe('http.client.response.finish', (message) => {
    const request = typeof message === 'object' && message !== null && 'request' in message ? message.request : null;
    if (!(request instanceof ClientRequest) || !('socketPath' in request) || request.socketPath == null) return;
    if (CHANGES.includes(request.method)) kills.saw('change');
    if (STARTS.test(request.path)) kills.saw('start');
    kills.saw('look');
  });
}

const SWITCHES = /^(set|add) map /;

async function watchBalancers(ports: Ports, kills: Kills): Promise<Ports> {
  const fleet = ports.loadFleet();
  const loadBalancers = await Promise.all(
    fleet.loadBalancers.map(async (balancer) => {
      if (balancer.type !== 'haproxy') return balancer;
      const { endpoint } = await startRuntimeProxy(balancer.endpoint, {
        before: (command) => {
          if (SWITCHES.test(command)) kills.saw('switch');
          return true;
        },
        after: (command) => {
          if (SWITCHES.test(command)) kills.saw('switched');
          kills.saw('balancer');
        },
      });
      return { ...balancer, endpoint };
    }),
  );
  return { ...ports, slotBalancer: (name) => openSlotBalancer({ loadBalancers }, name) };
}

/** Each of them, with kills around it. */
function killable(activities: object, kills: Kills): object {
  const all: readonly (readonly [string, unknown])[] = Object.entries(activities);
  return Object.fromEntries(
    all.map(([name, perform]) => {
      if (typeof perform !== 'function') throw new Error(`expected an activity, got ${name}`);
      const around = async (input: unknown): Promise<unknown> => {
        const step = stepOf(name, input);
        kills.begin(step);
        const result: unknown = await Reflect.apply(perform, undefined, [input]);
        kills.end(step);
        return result;
      };
      return [name, around];
    }),
  );
}

const about = z.object({
  member: z.object({ kind: z.string() }).optional(),
  slot: z.string().optional(),
  job: z.string().optional(),
  direction: z.string().optional(),
});

/** `startSlotMember shared`, `cutOver green`, `runUnitJob orders up`. */
function stepOf(activity: string, input: unknown): string {
  const { member, slot, job, direction } = about.parse(input);
  return [activity, member?.kind, slot, job, direction].filter((word) => word !== undefined).join(' ');
}

void main();

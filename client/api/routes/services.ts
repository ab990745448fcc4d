import { z } from 'zod';
import { serviceWorkflowId } from '../../../workflows/messages.ts';
import type { ServiceId } from '../../../model/ids.ts';
import type { ServiceProgress } from '../../../model/service.ts';
import type { ServiceStart, TakeBackOutcome } from '../../services.ts';
import type { App } from '../app.ts';
import { changeHeaders } from '../schemas/change.ts';
import { commandAnswerSchema, commandOf, serviceCommandSchema } from '../schemas/command.ts';
import { eventSchema } from '../schemas/events.ts';
import { fleetId, serviceId } from '../schemas/fields.ts';
import { runName, startedRunSchema } from '../schemas/run.ts';
import {
  serviceListSchema,
  servicePolicyFrom,
  serviceRunSchema,
  serviceStatusSchema,
  serviceUpgradeRequestSchema,
  serviceLookSchema,
} from '../schemas/service.ts';
import { answerCommand, askedOf, conflict, idOf, speakerOf, type Asked } from './asked.ts';
import { answerStarted, begunBefore, followRun, lookAt, type RunsOf } from './runs.ts';
import { EVENT_STREAM, type Streams } from './stream.ts';

const tags = ['services'];
const ofService = z.object({ fleet: fleetId, service: serviceId });
const ofRun = ofService.extend({ run: runName });

/** Services of a fleet, and their upgrades by themselves. */
export function registerServices(app: App, streams: Streams): void {
  registerStatus(app);
  registerStart(app);
  registerTakeBack(app);
  registerCommands(app);
  registerRuns(app, streams);
}

function registerStatus(app: App): void {
  app.get(
    '/v1/fleets/:fleet/services',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'listServices', summary: 'Services that the fleet file names', tags },
        ...{ params: z.object({ fleet: fleetId }), response: { 200: serviceListSchema } },
      },
    },
    async (request) => ({ services: [...(await askedOf(request).client.describe()).services] }),
  );
  app.get(
    '/v1/fleets/:fleet/services/:service',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getService', summary: 'Every member as engines, bus and load balancer see it', tags },
        ...{ params: ofService, response: { 200: serviceStatusSchema } },
      },
    },
    (request) => askedOf(request).client.serviceStatus(request.params.service),
  );
}

function registerStart(app: App): void {
  app.post(
    '/v1/fleets/:fleet/services/:service/upgrades',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'startServiceUpgrade', summary: 'Upgrade a service', tags },
        ...{ params: ofService, headers: changeHeaders, body: serviceUpgradeRequestSchema },
        response: { 202: startedRunSchema },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const { service } = request.params;
      const { image, settings = {}, policy, release = null, id } = request.body;
      const named = idOf(id, asked, service);
      const start = async (): Promise<ServiceStart> =>
        asked.client.services.start({
          ...{ service, image, settings, policy: servicePolicyFrom(policy), release, requestedBy: asked.by },
          ...named,
        });
      const before = await begunBefore(asked, runsOf(asked, service), named.id);
      return answerStarted(reply, rootOf(asked, service), before ?? accepted(asked, service, await start()));
    },
  );
}

function registerTakeBack(app: App): void {
  app.post(
    '/v1/fleets/:fleet/services/:service/rollbacks',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'takeServiceBack', summary: 'Take a service’s last upgrade back, which is over', tags },
        description: 'One at work is taken back by the command `rollback`.',
        ...{ params: ofService, headers: changeHeaders, response: { 202: startedRunSchema } },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const { service } = request.params;
      const { id } = idOf(undefined, asked, service);
      const before = await begunBefore(asked, runsOf(asked, service), id);
      const taken = before ?? accepted(asked, service, await asked.client.services.takeBack(service, asked.by, id));
      return answerStarted(reply, rootOf(asked, service), taken);
    },
  );
}

function registerCommands(app: App): void {
  app.post(
    '/v1/fleets/:fleet/services/:service/commands',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'commandService', summary: 'Pause, resume, roll back or abort its upgrade', tags },
        ...{ params: ofService, headers: changeHeaders, body: serviceCommandSchema },
        response: { 200: commandAnswerSchema },
      },
    },
    async (request) => {
      const asked = askedOf(request);
      const command = { ...commandOf(request.body), ...speakerOf(asked) };
      return answerCommand(await asked.client.services.command(request.params.service, command));
    },
  );
}

function registerRuns(app: App, streams: Streams): void {
  app.get(
    '/v1/fleets/:fleet/services/:service/upgrades/:run',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getServiceUpgrade', summary: 'Where an upgrade of a service is', tags },
        ...{ params: ofRun, response: { 200: serviceRunSchema } },
      },
    },
    (request) => lookAt(runsOf(askedOf(request), request.params.service), request.params.run),
  );
  app.get(
    '/v1/fleets/:fleet/services/:service/upgrades/:run/events',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'followServiceUpgrade', summary: 'Follow an upgrade of a service', tags },
        ...{ params: ofRun, produces: EVENT_STREAM, response: { 200: eventSchema('ServiceLook') } },
      },
    },
    async (request, reply) => {
      const runs = runsOf(askedOf(request), request.params.service);
      const following = { runs, name: request.params.run, look: serviceLookSchema };
      await followRun(streams, following, { request, reply });
      return reply;
    },
  );
}

const rootOf = ({ root }: Asked, service: ServiceId): string => `${root}/services/${service}`;

const runsOf = ({ client: { fleet, services } }: Asked, service: ServiceId): RunsOf<ServiceProgress> => ({
  what: `service ${service} of fleet ${fleet}`,
  workflowId: serviceWorkflowId(fleet, service),
  latest: () => services.latest(service),
  look: (run) => services.look(run),
  watch: (run, watcher, signal) => services.watch(run, watcher, signal),
});

/** One at a time is the rule. */
function accepted(
  asked: Asked,
  service: ServiceId,
  started: ServiceStart | TakeBackOutcome,
): Extract<ServiceStart, { readonly outcome: 'started' }> {
  switch (started.outcome) {
    case 'started':
      return started;
    case 'running': {
      const follow = `follow it at ${rootOf(asked, service)}/upgrades/latest`;
      throw conflict(
        `service ${service} has an upgrade at work already: ${started.id} to ${started.release}; ${follow}`,
      );
    }
    case 'nothing':
      throw conflict(started.because, 'service');
  }
}

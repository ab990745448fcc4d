import { z } from 'zod';
import type { ContainerProgress } from '../../../model/container-upgrade.ts';
import type { MemberId } from '../../../model/service.ts';
import { containerWorkflowId } from '../../../workflows/messages.ts';
import type { ContainerRequest, ContainerStart } from '../../containers.ts';
import type { App } from '../app.ts';
import { changeHeaders } from '../schemas/change.ts';
import {
  containerRunSchema,
  containerUpgradeFrom,
  containerUpgradeRequestSchema,
  containerLookSchema,
} from '../schemas/container.ts';
import { eventSchema } from '../schemas/events.ts';
import { containerName, fleetId, hostId } from '../schemas/fields.ts';
import { runName, startedRunSchema } from '../schemas/run.ts';
import { askedOf, conflict, idOf, type Asked } from './asked.ts';
import { answerStarted, begunBefore, followRun, lookAt, type RunsOf } from './runs.ts';
import { EVENT_STREAM, type Streams } from './stream.ts';

const tags = ['containers'];
const ofContainer = z.object({ fleet: fleetId, host: hostId, container: containerName });
const ofRun = ofContainer.extend({ run: runName });

/** Single containers of single hosts. */
export function registerContainers(app: App, streams: Streams): void {
  registerStart(app);
  registerRollback(app);
  registerRuns(app, streams);
}

function registerStart(app: App): void {
  app.post(
    '/v1/fleets/:fleet/hosts/:host/containers/:container/upgrades',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{
          operationId: 'startContainerUpgrade',
          summary: 'Replace a container in place by one of another image',
          tags,
        },
        ...{ params: ofContainer, headers: changeHeaders, body: containerUpgradeRequestSchema },
        response: { 202: startedRunSchema },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const started = await start(asked, containerOf(request.params), containerUpgradeFrom(request.body));
      return answerStarted(reply, rootOf(asked, request.params), started);
    },
  );
}

function registerRollback(app: App): void {
  app.post(
    '/v1/fleets/:fleet/hosts/:host/containers/:container/rollbacks',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'putContainerBack', summary: 'Put the container that was kept in its place again', tags },
        ...{ params: ofContainer, headers: changeHeaders, response: { 202: startedRunSchema } },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const started = await start(asked, containerOf(request.params), { action: 'rollback' });
      return answerStarted(reply, rootOf(asked, request.params), started);
    },
  );
}

function registerRuns(app: App, streams: Streams): void {
  app.get(
    '/v1/fleets/:fleet/hosts/:host/containers/:container/upgrades/:run',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getContainerUpgrade', summary: 'Where an upgrade of a container is', tags },
        ...{ params: ofRun, response: { 200: containerRunSchema } },
      },
    },
    (request) => lookAt(runsOf(askedOf(request), containerOf(request.params)), request.params.run),
  );
  app.get(
    '/v1/fleets/:fleet/hosts/:host/containers/:container/upgrades/:run/events',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'followContainerUpgrade', summary: 'Follow an upgrade of a container', tags },
        ...{ params: ofRun, produces: EVENT_STREAM, response: { 200: eventSchema('ContainerLook') } },
      },
    },
    async (request, reply) => {
      const runs = runsOf(askedOf(request), containerOf(request.params));
      const following = { runs, name: request.params.run, look: containerLookSchema };
      await followRun(streams, following, { request, reply });
      return reply;
    },
  );
}

const containerOf = ({ host, container }: MemberId): MemberId => ({ host, container });
const rootOf = ({ root }: Asked, { host, container }: MemberId): string =>
  `${root}/hosts/${host}/containers/${container}`;

const runsOf = ({ client: { fleet, containers } }: Asked, container: MemberId): RunsOf<ContainerProgress> => ({
  what: `container ${container.container} on ${container.host} of fleet ${fleet}`,
  workflowId: containerWorkflowId(fleet, container),
  latest: () => containers.latest(container),
  look: (run) => containers.look(run),
  watch: (run, watcher, signal) => containers.watch(run, watcher, signal),
});

type Started = Extract<ContainerStart, { readonly outcome: 'started' }>;

async function start(
  asked: Asked,
  container: MemberId,
  action: ContainerRequest['action'],
): Promise<Pick<Started, 'id' | 'run'>> {
  const named = idOf(undefined, asked, `${container.host}-${container.container}`);
  const before = await begunBefore(asked, runsOf(asked, container), named.id);
  if (before !== null) return before;
  const started = await asked.client.containers.start({ container, action, requestedBy: asked.by, ...named });
  if (started.outcome === 'started') return started;
  const head = `container ${container.container} on ${container.host} has an upgrade at work already: ${started.id}`;
  throw conflict(`${head}; follow it at ${rootOf(asked, container)}/upgrades/latest`);
}

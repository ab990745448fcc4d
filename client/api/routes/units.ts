import { z } from 'zod';
import type { UnitId } from '../../../model/ids.ts';
import type { UnitProgress } from '../../../model/unit-upgrade.ts';
import { unitWorkflowId } from '../../../workflows/messages.ts';
import { unitOfRelease } from '../../open-unit.ts';
import type { UnitRequest } from '../../units.ts';
import type { App } from '../app.ts';
import { changeHeaders } from '../schemas/change.ts';
import { commandAnswerSchema, commandOf, unitCommandSchema } from '../schemas/command.ts';
import { eventSchema } from '../schemas/events.ts';
import { fleetId, unitId } from '../schemas/fields.ts';
import { runName, startedRunSchema } from '../schemas/run.ts';
import {
  standbyDeletionSchema,
  unitListSchema,
  unitPolicyFrom,
  unitRunSchema,
  unitStatusSchema,
  unitUpgradeRequestSchema,
  unitLookSchema,
} from '../schemas/unit.ts';
import { answerCommand, askedOf, conflict, idOf, openAsked, speakerOf, type Asked } from './asked.ts';
import { answerStarted, begunBefore, followRun, lookAt, type RunsOf } from './runs.ts';
import { EVENT_STREAM, type Streams } from './stream.ts';

const tags = ['units'];
const ofUnit = z.object({ fleet: fleetId, unit: unitId });
const ofRun = ofUnit.extend({ run: runName });

/** Units of a fleet, and their upgrades. */
export function registerUnits(app: App, streams: Streams): void {
  registerStatus(app);
  registerStart(app);
  registerDeletion(app);
  registerCommands(app);
  registerRuns(app, streams);
}

function registerStatus(app: App): void {
  app.get(
    '/v1/fleets/:fleet/units',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'listUnits', summary: 'Units that the fleet file names', tags },
        ...{ params: z.object({ fleet: fleetId }), response: { 200: unitListSchema } },
      },
    },
    async (request) => ({ units: [...(await askedOf(request).client.describe()).units] }),
  );
  app.get(
    '/v1/fleets/:fleet/units/:unit',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getUnit', summary: 'Both slots as engines and load balancer see them', tags },
        ...{ params: ofUnit, response: { 200: unitStatusSchema } },
      },
    },
    (request) => askedOf(request).client.unitStatus(request.params.unit),
  );
}

function registerStart(app: App): void {
  app.post(
    '/v1/fleets/:fleet/units/:unit/upgrades',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{
          operationId: 'startUnitUpgrade',
          summary: 'Install the other slot, test it, send the requests to it',
          tags,
        },
        ...{ params: ofUnit, headers: changeHeaders, body: unitUpgradeRequestSchema },
        response: { 202: startedRunSchema },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const { unit } = request.params;
      const { policy, id } = request.body;
      const read = await openAsked(asked, request.body);
      const ofRelease = unitOfRelease(read, unit).policy;
      const action = { action: 'upgrade', release: read.ref, policy: unitPolicyFrom(ofRelease, policy) } as const;
      const started = await start(asked, { unit, action, ...idOf(id, asked, unit) });
      return answerStarted(reply, rootOf(asked, unit), started);
    },
  );
}

function registerDeletion(app: App): void {
  app.post(
    '/v1/fleets/:fleet/units/:unit/standby-deletions',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'deleteStandby', summary: 'Remove the slot that takes no requests', tags },
        description: 'One that an upgrade at work keeps is removed by the command `deleteStandby`.',
        ...{ params: ofUnit, headers: changeHeaders, body: standbyDeletionSchema },
        response: { 202: startedRunSchema },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const { unit } = request.params;
      const { reason, id } = request.body;
      const action = { action: 'deleteStandby', ...(reason !== undefined && { reason }) } as const;
      const started = await start(asked, { unit, action, ...idOf(id, asked, unit) });
      return answerStarted(reply, rootOf(asked, unit), started);
    },
  );
}

function registerCommands(app: App): void {
  app.post(
    '/v1/fleets/:fleet/units/:unit/commands',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'commandUnit', summary: 'Approve, pause, roll back its upgrade and so on', tags },
        ...{ params: ofUnit, headers: changeHeaders, body: unitCommandSchema },
        response: { 200: commandAnswerSchema },
      },
    },
    async (request) => {
      const asked = askedOf(request);
      const command = { ...commandOf(request.body), ...speakerOf(asked) };
      return answerCommand(await asked.client.units.command(request.params.unit, command));
    },
  );
}

function registerRuns(app: App, streams: Streams): void {
  app.get(
    '/v1/fleets/:fleet/units/:unit/upgrades/:run',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getUnitUpgrade', summary: 'Where an upgrade of a unit is', tags },
        ...{ params: ofRun, response: { 200: unitRunSchema } },
      },
    },
    (request) => lookAt(runsOf(askedOf(request), request.params.unit), request.params.run),
  );
  app.get(
    '/v1/fleets/:fleet/units/:unit/upgrades/:run/events',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'followUnitUpgrade', summary: 'Follow an upgrade of a unit', tags },
        ...{ params: ofRun, produces: EVENT_STREAM, response: { 200: eventSchema('UnitLook') } },
      },
    },
    async (request, reply) => {
      const runs = runsOf(askedOf(request), request.params.unit);
      const following = { runs, name: request.params.run, look: unitLookSchema };
      await followRun(streams, following, { request, reply });
      return reply;
    },
  );
}

const rootOf = ({ root }: Asked, unit: UnitId): string => `${root}/units/${unit}`;

const runsOf = ({ client: { fleet, units } }: Asked, unit: UnitId): RunsOf<UnitProgress> => ({
  what: `unit ${unit} of fleet ${fleet}`,
  workflowId: unitWorkflowId(fleet, unit),
  latest: () => units.latest(unit),
  look: (run) => units.look(run),
  watch: (run, watcher, signal) => units.watch(run, watcher, signal),
});

async function start(asked: Asked, request: Omit<UnitRequest, 'requestedBy'>): ReturnType<typeof startedOf> {
  const { unit, id } = request;
  const before = await begunBefore(asked, runsOf(asked, unit), id);
  return before ?? startedOf(asked, request);
}

async function startedOf(
  asked: Asked,
  request: Omit<UnitRequest, 'requestedBy'>,
): Promise<NonNullable<Awaited<ReturnType<typeof begunBefore>>>> {
  const { unit } = request;
  const started = await asked.client.units.start({ ...request, requestedBy: asked.by });
  if (started.outcome === 'started') return started;
  const follow = `follow it at ${rootOf(asked, unit)}/upgrades/latest`;
  throw conflict(`unit ${unit} has an upgrade at work already: ${started.id} to ${started.release}; ${follow}`);
}

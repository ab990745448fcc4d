import { z } from 'zod';
import { isOver, type Progress } from '../../../model/upgrade.ts';
import type { UpgradeId } from '../../../model/ids.ts';
import { releaseLabel } from '../../../model/release.ts';
import type { StartRequest } from '../../upgrades.ts';
import type { App } from '../app.ts';
import { changeHeaders } from '../schemas/change.ts';
import { commandAnswerSchema, commandOf, upgradeCommandSchema } from '../schemas/command.ts';
import { eventSchema } from '../schemas/events.ts';
import { fleetId, upgradeId } from '../schemas/fields.ts';
import { pageQuery } from '../schemas/page.ts';
import { policyFrom } from '../schemas/policy.ts';
import {
  startedSchema,
  upgradePageSchema,
  upgradeRequestSchema,
  upgradeSchema,
  type UpgradeRequest,
} from '../schemas/upgrade.ts';
import { answerCommand, askedOf, conflict, idOf, notFound, openAsked, speakerOf, type Asked } from './asked.ts';
import { pageOf } from './paging.ts';
import { EVENT_STREAM, type Streams } from './stream.ts';

const tags = ['upgrades'];
const ofFleet = z.object({ fleet: fleetId });
const ofUpgrade = z.object({ fleet: fleetId, upgrade: upgradeId });

/** Upgrades of a whole fleet: start, list, look, follow, command. */
export function registerUpgrades(app: App, streams: Streams): void {
  registerList(app);
  registerStart(app);
  registerLook(app, streams);
  registerCommands(app);
}

function registerList(app: App): void {
  app.get(
    '/v1/fleets/:fleet/upgrades',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'listUpgrades', summary: 'The fleet’s upgrades, the latest first', tags },
        params: ofFleet,
        querystring: pageQuery,
        response: { 200: upgradePageSchema },
      },
    },
    async (request) => {
      const all = await askedOf(request).client.upgrades.list();
      const { items, nextCursor } = pageOf(all, request.query, ({ runId }) => runId);
      return { upgrades: [...items], nextCursor };
    },
  );
}

function registerStart(app: App): void {
  app.post(
    '/v1/fleets/:fleet/upgrades',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'startUpgrade', summary: 'Upgrade the fleet to a release', tags },
        ...{ params: ofFleet, headers: changeHeaders, body: upgradeRequestSchema, response: { 202: startedSchema } },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const id = await start(asked, request.body);
      const href = `${asked.root}/upgrades/${id}`;
      return reply.code(202).header('location', href).send({ id, href });
    },
  );
}

async function start(asked: Asked, body: UpgradeRequest): Promise<UpgradeId> {
  const { client, by, root } = asked;
  const read = await openAsked(asked, body);
  const request: StartRequest = {
    ...{ reference: body.reference, digest: read.ref.digest, release: releaseLabel(read.release) },
    ...{ policy: policyFrom(body.policy), requestedBy: by, ...idOf(body.id, asked, client.fleet) },
    ...(body.tree !== undefined && { tree: body.tree }),
  };
  const outcome = await client.upgrades.start(request);
  switch (outcome.outcome) {
    case 'started':
      return outcome.id;
    case 'running':
      throw conflict(
        `fleet ${client.fleet} has an upgrade at work already: ${outcome.id} to ${outcome.release}; follow it at ${root}/upgrades/${outcome.id}`,
      );
    case 'idUsed':
      // A request that is made once more after a crash finds what it began the first time: no other one has its name.
      if (asked.key !== null && body.id === undefined && (await isOwn(asked, request))) return outcome.id;
      throw conflict(`upgrade ${outcome.id} was there before; choose another id, or leave it out`, 'id');
  }
}

async function isOwn({ client, by }: Asked, { id, release }: StartRequest): Promise<boolean> {
  const before = (await client.upgrades.list()).find((each) => each.id === id);
  return before?.requestedBy === by && before.release === release;
}

function registerLook(app: App, streams: Streams): void {
  app.get(
    '/v1/fleets/:fleet/upgrades/:upgrade',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getUpgrade', summary: 'Every host, what it waits for, what was decided', tags },
        params: ofUpgrade,
        response: { 200: upgradeSchema },
      },
    },
    async (request) => {
      const asked = askedOf(request);
      const progress = await asked.client.upgrades.progress(request.params.upgrade);
      return progress ?? unknownUpgrade(asked, request.params.upgrade);
    },
  );
  app.get(
    '/v1/fleets/:fleet/upgrades/:upgrade/events',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'followUpgrade', summary: 'Follow an upgrade by server-sent events', tags },
        params: ofUpgrade,
        produces: EVENT_STREAM,
        response: { 200: eventSchema('Upgrade') },
      },
    },
    async (request, reply) => {
      const asked = askedOf(request);
      const { upgrades } = asked.client;
      const { upgrade } = request.params;
      if ((await upgrades.progress(upgrade)) === null) unknownUpgrade(asked, upgrade);
      streams.open<Progress>(request, reply, {
        watch: (watcher, signal) => upgrades.watch(upgrade, watcher, signal),
        isOver: ({ state }) => isOver(state),
        toText: (progress) => JSON.stringify(z.encode(upgradeSchema, progress)),
      });
      return reply;
    },
  );
}

function registerCommands(app: App): void {
  app.post(
    '/v1/fleets/:fleet/upgrades/:upgrade/commands',
    {
      config: { role: 'operator', changes: true },
      schema: {
        ...{ operationId: 'commandUpgrade', summary: 'Pause, resume, roll back and so on', tags },
        ...{ params: ofUpgrade, headers: changeHeaders, body: upgradeCommandSchema },
        response: { 200: commandAnswerSchema },
      },
    },
    async (request) => {
      const asked = askedOf(request);
      const { upgrades } = asked.client;
      const { upgrade } = request.params;
      const isThere = (await upgrades.list()).some(({ id }) => id === upgrade);
      if (!isThere) unknownUpgrade(asked, upgrade);
      return answerCommand(await upgrades.command(upgrade, { ...commandOf(request.body), ...speakerOf(asked) }));
    },
  );
}

function unknownUpgrade({ client }: Asked, id: UpgradeId): never {
  throw notFound(`fleet ${client.fleet} has no upgrade ${id}`);
}

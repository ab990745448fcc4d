import { z } from 'zod';
import type { App } from '../app.ts';
import { fleetId, hostId } from '../schemas/fields.ts';
import { fleetListSchema, fleetSchema, hostPageSchema, hostSchema } from '../schemas/fleet.ts';
import { pageQuery } from '../schemas/page.ts';
import { askedOf, fleetHref, notFound } from './asked.ts';
import { pageOf } from './paging.ts';

const tags = ['fleets'];

/** Fleets, and their hosts as their agents and engines say. */
export function registerFleets(app: App): void {
  app.get(
    '/v1/fleets',
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listFleets',
        summary: 'Fleets that may be seen',
        tags,
        response: { 200: fleetListSchema },
      },
    },
    ({ fleetClients }) => ({ fleets: fleetClients.map(({ fleet }) => ({ fleet, href: fleetHref(fleet) })) }),
  );
  app.get(
    '/v1/fleets/:fleet',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getFleet', summary: 'What the fleet file says', tags },
        params: z.object({ fleet: fleetId }),
        response: { 200: fleetSchema },
      },
    },
    (request) => askedOf(request).client.describe(),
  );
  registerHosts(app);
}

function registerHosts(app: App): void {
  app.get(
    '/v1/fleets/:fleet/hosts',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'listHosts', summary: 'Hosts as their agents and engines say', tags },
        params: z.object({ fleet: fleetId }),
        querystring: pageQuery,
        response: { 200: hostPageSchema },
      },
    },
    async (request) => {
      const { items, nextCursor } = pageOf(await askedOf(request).client.status(), request.query, ({ name }) => name);
      return { hosts: [...items], nextCursor };
    },
  );
  app.get(
    '/v1/fleets/:fleet/hosts/:host',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getHost', summary: 'One host as its agent and its engine say', tags },
        params: z.object({ fleet: fleetId, host: hostId }),
        response: { 200: hostSchema },
      },
    },
    async (request) => {
      const { client } = askedOf(request);
      const { host } = request.params;
      const found = (await client.status()).find(({ name }) => name === host);
      if (found === undefined) throw notFound(`fleet ${client.fleet} has no host ${host}`);
      return found;
    },
  );
}

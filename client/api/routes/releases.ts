import { z } from 'zod';
import type { App } from '../app.ts';
import { fleetId } from '../schemas/fields.ts';
import { planRequestSchema, planSchema } from '../schemas/plan.ts';
import { policyFrom } from '../schemas/policy.ts';
import { releaseQuery, releaseSchema } from '../schemas/release.ts';
import { askedOf } from './asked.ts';

/** Releases in registries that the fleet knows, and what they would do. */
export function registerReleases(app: App): void {
  app.get(
    '/v1/fleets/:fleet/releases',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'getRelease', summary: 'What a published release is and does', tags: ['releases'] },
        params: z.object({ fleet: fleetId }),
        querystring: releaseQuery,
        response: { 200: releaseSchema },
      },
    },
    (request) => askedOf(request).client.readRelease(request.query.reference),
  );
  app.post(
    '/v1/fleets/:fleet/plans',
    {
      config: { role: 'viewer' },
      schema: {
        ...{ operationId: 'plan', summary: 'What an upgrade would do; nothing is started', tags: ['plans'] },
        params: z.object({ fleet: fleetId }),
        body: planRequestSchema,
        response: { 200: planSchema },
      },
    },
    (request) => {
      const { reference, policy } = request.body;
      return askedOf(request).client.plan({ reference, policy: policyFrom(policy) });
    },
  );
}

import type { FastifyRequest } from 'fastify';
import type { FleetId } from '../../model/ids.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { App } from './app.ts';
import { MAX_TEXT_LENGTH, type AuditRecord } from './audit-record.ts';
import type { Audit } from './audit.ts';
import type { Authenticate, Authenticated } from './authenticate.ts';
import { certificateOf } from './certificates.ts';
import { mayAs, maySee, type Identity, type Role } from './identity.ts';
import type { HttpProblem } from './problem.ts';
import { problemOf } from './problem-answer.ts';

export type GuardOptions = {
  readonly clients: ReadonlyMap<FleetId, FleetClient>;
  readonly authenticate: Authenticate;
  readonly audit: Audit;
};

/** Below it every route says who may ask. */
const GUARDED = '/v1';

/** Finds out who asks, before anything else. Whom `guard` refuses counts against the limits as well. */
export function registerIdentity(app: App, { authenticate }: Pick<GuardOptions, 'authenticate'>): IdentityOf {
  const found = new WeakMap<FastifyRequest, Authenticated>();
  app.decorateRequest('identity', null);
  app.decorateRequest('fleetClient', null);
  app.decorateRequest('fleetClients');
  app.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith(GUARDED) && config?.role === undefined) throw new Error(`route ${url} does not say who may ask`);
  });
  app.addHook('onRequest', async (request) => {
    request.fleetClients = [];
    if (request.routeOptions.config.role === undefined) return;
    const { authorization } = request.headers;
    const authenticated = await authenticate({ authorization, certificate: certificateOf(request.raw.socket) });
    found.set(request, authenticated);
    if (authenticated.outcome === 'known') request.identity = authenticated.identity;
  });
  return (request) => found.get(request) ?? { outcome: 'none' };
}

export type IdentityOf = (request: FastifyRequest) => Authenticated;

/**
 * Lets those go on who may.
 *
 * 1. Nobody known: 401 without credentials, 403 with ones that are not good, for whatever reason.
 * 2. A role below the route's: 403, whether the fleet is there or not.
 * 3. A fleet that it may not see, or that is not there: 404, in the same words and after the same work.
 */
export function registerGuard(app: App, options: GuardOptions, identityOf: IdentityOf): void {
  const { clients, audit } = options;
  app.addHook('onRequest', async (request) => {
    const { role } = request.routeOptions.config;
    if (role === undefined) return;
    const judged = judge(identityOf(request), role);
    if (judged.outcome === 'refused') return refuse(request, judged);
    const visible = [...clients.values()].filter(({ fleet }) => maySee(judged.identity, fleet)).sort(byFleet);
    request.fleetClients = visible;
    const name = fleetOf(request);
    if (name === null) return;
    const client = visible.find(({ fleet }) => fleet === name);
    if (client === undefined) return refuse(request, { outcome: 'refused', problem: noSuchFleet(name), why: 'fleet' });
    request.fleetClient = client;
  });

  async function refuse(request: FastifyRequest, { problem, why }: Refused): Promise<never> {
    await audit.refused(request, problem.status, why);
    throw problem;
  }
}

type Refused = { readonly outcome: 'refused'; readonly problem: HttpProblem; readonly why: string };

function judge(
  found: Authenticated,
  needed: Role,
): Refused | { readonly outcome: 'let in'; readonly identity: Identity } {
  if (found.outcome === 'none') return { outcome: 'refused', problem: noCredentials(), why: 'no credentials' };
  if (found.outcome === 'unknown') return { outcome: 'refused', problem: badCredentials(), why: found.why };
  const { identity } = found;
  if (mayAs(identity.role, needed)) return { outcome: 'let in', identity };
  return { outcome: 'refused', problem: roleTooLow(identity, needed), why: `needs ${needed}` };
}

const byFleet = (one: FleetClient, other: FleetClient): number => (one.fleet < other.fleet ? -1 : 1);

const REALM = 'Bearer realm="refit"';

const noCredentials = (): HttpProblem =>
  problemOf(401, 'expected a bearer token: make one with refit token create, and send it as Authorization: Bearer …', {
    headers: { 'www-authenticate': REALM },
  });

const badCredentials = (): HttpProblem =>
  problemOf(403, 'these credentials are not known here, or no longer good; ask an administrator for a new token', {
    headers: { 'www-authenticate': `${REALM}, error="invalid_token"` },
  });

const roleTooLow = (identity: Identity, needed: Role): HttpProblem =>
  problemOf(403, `this needs the role ${needed}, and ${identity.name} is ${identity.role}`, {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope"` },
  });

const noSuchFleet = (fleet: string): HttpProblem =>
  problemOf(404, `there is no fleet ${JSON.stringify(fleet)} here; GET /v1/fleets names those that there are`);

/** As it stands in the path; null: the route has none. */
export function fleetOf({ params }: FastifyRequest): AuditRecord['fleet'] {
  if (typeof params !== 'object' || params === null || !('fleet' in params)) return null;
  return String(params.fleet).slice(0, MAX_TEXT_LENGTH);
}

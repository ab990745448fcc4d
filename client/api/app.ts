import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FleetClient } from '../fleet-client.ts';
import type { Identity, Role } from './identity.ts';

/** The API's server; its routes' schemas validate, give the types, and are the OpenAPI document. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The least role that may ask; absent: everybody may, without a token. Every route below /v1 has one. */
    role?: Role;
    /** It changes something: it is audited, and takes an Idempotency-Key. */
    changes?: boolean;
  }

  interface FastifyRequest {
    /** Who asks; null on routes that everybody may ask. */
    identity: Identity | null;
    /** Of the path's `{fleet}`, which the identity may see; null on routes without one. */
    fleetClient: FleetClient | null;
    /** Of every fleet that the identity may see, by name; none on routes that everybody may ask. */
    fleetClients: readonly FleetClient[];
    /** Of the Idempotency-Key, the same on each try; null: none was given. A legal part of an upgrade's id and of an update's. */
    requestKey: string | null;
  }
}

import fastify, { LogController, type FastifyBaseLogger } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { FleetId } from '../../model/ids.ts';
import type { FleetClient } from '../fleet-client.ts';
import type { App } from './app.ts';
import type { AuditLog } from './audit-log.ts';
import { registerAuditRoute } from './audit-route.ts';
import { createAudit, registerAudit } from './audit.ts';
import type { Authenticate } from './authenticate.ts';
import { registerDocument } from './document.ts';
import { registerGuard, registerIdentity } from './guard.ts';
import { registerIdempotency } from './idempotency.ts';
import { defaultLimits, registerLimits, type Limits } from './limits.ts';
import { registerMethods } from './methods.ts';
import { answerBrokenRequest, answerProblem } from './problem-answer.ts';
import { LEFT_AFTER_MS, type Requests } from './requests.ts';
import { registerRoutes } from './routes/index.ts';

export type ApiOptions = {
  readonly clients: ReadonlyMap<FleetId, FleetClient>;
  readonly authenticate: Authenticate;
  readonly audit: AuditLog;
  readonly requests: Requests;
  readonly log: FastifyBaseLogger;
  readonly limits?: Limits;
  /** null: plain HTTP, for loopback and for tests. */
  readonly tls?: ServerTls | null;
  /** Addresses of proxies whose word for the client's address is taken. */
  readonly trustedProxies?: readonly string[];
};

/** Contents, not files. `ca`: of client certificates; null: none are asked for. */
export type ServerTls = { readonly cert: string; readonly key: string; readonly ca: string | null };

/** Longest until a request with its body is here; ms. Who sends a byte a second would keep a connection for ever. */
const RECEIVE_MS = 30_000;
/** Longest that a change may take to begin; ms. It ends before another API would take it over. */
const CHANGE_MS = LEFT_AFTER_MS - 15_000;
/** Connections at once. */
const MAX_CONNECTIONS = 2_000;
/** Longest part of a path: routes judge themselves what is too long, so that it is a 400 like the others; characters. */
const MAX_PARAM_LENGTH = 16_384;

/**
 * The API over fleets' clients; nothing is listened on yet. In this order a request is
 *
 * 1. asked who it is from, counted, and refused if its path or method is unknown, or if who asks may not;
 * 2. read and validated;
 * 3. if it changes something: recorded, and looked up by its Idempotency-Key;
 * 4. answered; the answer is kept by that key and recorded before it leaves.
 */
export async function createApi(options: ApiOptions): Promise<App> {
  const { limits = defaultLimits } = options;
  const app: App = open(options, limits);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(answerProblem);
  // Text would be taken for a body that is wrong, rather than for a media type that is.
  app.removeContentTypeParser('text/plain');
  const audit = createAudit(options.audit);
  const identityOf = registerIdentity(app, options);
  await registerLimits(app, limits);
  registerMethods(app);
  registerGuard(app, { ...options, audit }, identityOf);
  registerAudit(app, audit);
  registerIdempotency(app, options.requests);
  registerBounds(app);
  await registerDocument(app);
  app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }));
  registerAuditRoute(app, options.audit);
  registerRoutes(app);
  await app.ready();
  return app;
}

function open({ log, tls = null, trustedProxies = [] }: ApiOptions, limits: Limits): App {
  return fastify({
    loggerInstance: log,
    // The audit log has what matters; a line a request would bury it.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    genReqId: () => randomUUID(),
    trustProxy: trustedProxies.length === 0 ? false : [...trustedProxies],
    // Requests that are here already get their answer.
    return503OnClosing: false,
    frameworkErrors: answerProblem,
    clientErrorHandler: answerBrokenRequest,
    serverFactory: (handler) => bounded(tls === null ? createServer(handler) : createTlsServer(tls, handler)),
  }).withTypeProvider<ZodTypeProvider>();
}

/** A certificate of an unknown authority is let in here, and refused with words by the guard. */
const createTlsServer = ({ cert, key, ca }: ServerTls, handler: Parameters<typeof createServer>[1]): Server =>
  createSecureServer({ cert, key, ...(ca !== null && { ca, requestCert: true, rejectUnauthorized: false }) }, handler);

function bounded(server: Server): Server {
  server.requestTimeout = RECEIVE_MS;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function registerBounds(app: App): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.changes === true) route.handlerTimeout = CHANGE_MS;
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    // Answers are of one moment and of one identity.
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
    return payload;
  });
}

import type { FastifyRequest } from 'fastify';
import { Unreachable } from '../unreachable.ts';
import type { App } from './app.ts';
import type { AuditLog } from './audit-log.ts';
import { MAX_TEXT_LENGTH, saidBy, type AuditRecord } from './audit-record.ts';
import { fleetOf } from './guard.ts';

/** What the audit log is told of requests. */
export interface Audit {
  /** A refusal stands whether or not it can be recorded. */
  refused(request: FastifyRequest, status: number, why: string): Promise<void>;
  /** Throws Unreachable when it can't be recorded: then nothing is to be changed. */
  asked(request: FastifyRequest): Promise<void>;
  /** What was done can't be undone by a full disk: a failure is only logged. */
  answered(request: FastifyRequest, status: number): Promise<void>;
}

export function createAudit(log: AuditLog): Audit {
  const append = async (record: AuditRecord, request: FastifyRequest): Promise<void> =>
    log.append(record).catch((error: unknown) => {
      request.log.error({ err: error, event: record.event, status: record.status }, 'not recorded in the audit log');
    });
  return {
    refused: (request, status, why) => append({ ...recordOf(request, 'refused'), status, what: { why } }, request),
    answered: (request, status) => append({ ...recordOf(request, 'answered'), status }, request),
    asked: async (request) => {
      await log.append(recordOf(request, 'asked')).catch((cause: unknown) => {
        const text = 'the audit log can’t be written, and no change goes without a record; nothing was changed';
        throw new Unreachable(text, { cause });
      });
    },
  };
}

/** Every change is recorded before it begins, and again before its answer leaves. */
export function registerAudit(app: App, audit: Audit): void {
  const asked = new WeakSet<FastifyRequest>();
  app.addHook('preHandler', async (request) => {
    if (request.routeOptions.config.changes !== true) return;
    await audit.asked(request);
    asked.add(request);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (asked.delete(request)) await audit.answered(request, reply.statusCode);
    return payload;
  });
}

function recordOf(request: FastifyRequest, event: AuditRecord['event']): AuditRecord {
  const { identity } = request;
  return {
    at: new Date().toISOString(),
    request: request.id,
    event,
    who: identity?.name.slice(0, MAX_TEXT_LENGTH) ?? null,
    by: identity?.by ?? null,
    role: identity?.role ?? null,
    from: request.ip,
    method: request.method,
    path: pathOf(request.url).slice(0, MAX_TEXT_LENGTH),
    fleet: fleetOf(request),
    what: saidBy(request.body),
    status: null,
  };
}

/** Without the query, which may hold what nobody meant to be kept. */
export const pathOf = (url: string): string => url.split('?', 1)[0] ?? url;

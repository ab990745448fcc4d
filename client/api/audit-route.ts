import { z } from 'zod';
import type { App } from './app.ts';
import type { AuditLog } from './audit-log.ts';
import { auditRecord, type AuditRecord } from './audit-record.ts';
import { maySee, type Identity } from './identity.ts';
import { isName, parseFleetId } from '../../model/ids.ts';
import { nextCursor, pageQuery, type PageQuery } from './schemas/page.ts';

const auditPage = z
  .object({ records: z.array(auditRecord), nextCursor })
  .meta({ id: 'AuditPage', description: 'Records, the latest first.' });

/** GET /v1/audit. */
export function registerAuditRoute(app: App, log: AuditLog): void {
  app.route({
    method: 'GET',
    url: '/v1/audit',
    config: { role: 'admin' },
    schema: {
      operationId: 'listAuditRecords',
      summary: 'Who asked for what, and what became of it',
      description: 'Changes and refusals of the fleets that you may see, the latest first.',
      tags: ['audit'],
      querystring: pageQuery,
      response: { 200: auditPage },
    },
    handler: async ({ query, identity }) =>
      readPage(log, query, (record) => identity !== null && mayRead(identity, record)),
  });
}

/** What belongs to no fleet is for those who see all of them. */
const mayRead = (identity: Identity, { fleet }: AuditRecord): boolean =>
  identity.fleets === 'all' || (fleet !== null && isName(fleet) && maySee(identity, parseFleetId(fleet)));

/** A request has one record of each kind. */
const cursorOf = ({ request, event }: AuditRecord): string => `${request}.${event}`;

async function readPage(
  log: AuditLog,
  { limit, cursor }: PageQuery,
  isShown: (record: AuditRecord) => boolean,
): Promise<z.output<typeof auditPage>> {
  const records: AuditRecord[] = [];
  // Behind a cursor whose record is gone there is nothing: what is older went before it.
  let isBehindCursor = cursor === undefined;
  for await (const record of log.newestFirst()) {
    if (isBehindCursor && isShown(record)) {
      const last = records.at(-1);
      if (records.length === limit && last !== undefined) return { records, nextCursor: cursorOf(last) };
      records.push(record);
    }
    isBehindCursor ||= cursorOf(record) === cursor;
  }
  return { records, nextCursor: null };
}

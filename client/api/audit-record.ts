import { z } from 'zod';
import { roles } from './identity.ts';

/** Longest text of a request that a record repeats; characters. */
export const MAX_TEXT_LENGTH = 512;

const text = z.string().max(MAX_TEXT_LENGTH);

export const auditRecord = z
  .object({
    at: z.iso.datetime().describe('When it was written, by the clock of the API.'),
    request: z.string().describe('The request’s own id; `instance` of a problem has it, too.'),
    event: z
      .enum(['asked', 'answered', 'refused'])
      .describe('asked: before a change begins · answered: how it went · refused: who asks may not.'),
    who: text
      .nullable()
      .describe('Name of the token, of the certificate, or subject at its issuer; null: nobody known.'),
    by: z.enum(['token', 'oidc', 'certificate']).nullable(),
    role: z.enum(roles).nullable(),
    from: text.describe('The address that the request came from.'),
    method: text,
    path: text,
    fleet: text.nullable().describe('As it stands in the path; null: the path names none.'),
    what: z
      .record(z.string(), text)
      .nullable()
      .describe(
        'Command, reference and what else the request names, without settings and secrets; why it was refused.',
      ),
    status: z.int().nullable().describe('Of the answer; null: there is none yet.'),
  })
  .meta({ id: 'AuditRecord', description: 'One line of the audit log.' });

export type AuditRecord = Readonly<z.infer<typeof auditRecord>>;

/** null: a line that was not written to its end, or by another version. */
export function parseRecord(line: string): AuditRecord | null {
  try {
    return auditRecord.parse(JSON.parse(line));
  } catch {
    return null;
  }
}

/** Of what a request's body says only these are recorded; a setting or variable of a container may be a secret. */
const SAID = ['command', 'reference', 'image', 'step', 'host', 'to', 'id', 'reason'] as const;

export function saidBy(body: unknown): Readonly<Record<string, string>> | null {
  if (typeof body !== 'object' || body === null) return null;
  const values = new Map<string, unknown>(Object.entries(body));
  const said = SAID.flatMap((name) => {
    const value = values.get(name);
    return typeof value === 'string' ? [[name, value.slice(0, MAX_TEXT_LENGTH)] as const] : [];
  });
  return said.length === 0 ? null : Object.fromEntries(said);
}

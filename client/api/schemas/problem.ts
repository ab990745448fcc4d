import { z } from 'zod';

/** Media type of problem details (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

/** What every answer but a good one carries. */
export const problemSchema = z
  .object({
    type: z.string().describe('`about:blank`: the title says it all.'),
    title: z.string().describe('The kind of problem, in few words.'),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What was expected, what was got, and what to do next.'),
    instance: z.string().describe('The request’s own id, as the audit log and the API’s log have it.'),
    errors: z
      .array(
        z.object({
          field: z.string().describe('Such as `policy.install.strategy`.'),
          reason: z.string().describe('Why it is not accepted.'),
        }),
      )
      .describe('Empty unless single fields are at fault.'),
  })
  .meta({ id: 'Problem', description: 'What went wrong, as RFC 9457 has it.' });

export type ProblemDocument = z.infer<typeof problemSchema>;

import { z } from 'zod';

/** Entries of one page unless the request says otherwise, and at most. */
export const DEFAULT_LIMIT = 100;
export const MAX_LIMIT = 500;
/** Longest cursor; characters. */
const MAX_CURSOR_LENGTH = 128;

/** Query of a list. */
export const pageQuery = z.object({
  limit: z.coerce.number<string>().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT).meta({
    type: 'integer',
    minimum: 1,
    maximum: MAX_LIMIT,
    default: DEFAULT_LIMIT,
    description: 'Most entries of the answer.',
  }),
  cursor: z
    .string()
    .min(1)
    .max(MAX_CURSOR_LENGTH)
    .regex(/^[A-Za-z0-9._-]+$/)
    .optional()
    .describe('`nextCursor` of the page before; absent: the first page.'),
});
export type PageQuery = z.output<typeof pageQuery>;

export const nextCursor = z.string().nullable().describe('Asks for the next page; null: there is none.');

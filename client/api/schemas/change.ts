import { z } from 'zod';

/** Headers of a request that changes something. Others are as they are. */
export const changeHeaders = z.looseObject({
  'idempotency-key': z
    .string()
    .regex(/^("[A-Za-z0-9._~:+/=-]{1,128}"|[A-Za-z0-9._~:+/=-]{1,128})$/)
    .optional()
    .describe('The same key with the same request gives the same answer, and does it once.'),
});

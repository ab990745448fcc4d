import { z } from 'zod';

const events = ['progress', 'trouble', 'end'] as const;
type Event = (typeof events)[number];

/** Data of `trouble`. */
export const troubleSchema = z.object({ message: z.string() });

const MESSAGE = { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] };

/** One event of a stream, as a client reads it. `of`: id of the schema that its data has. */
export const eventSchema = (of: string): z.ZodType<{ readonly event: Event; readonly data: string }> =>
  z
    .object({
      event: z
        .enum(events)
        .describe(
          'progress: where it is, at the start and at each change · trouble: nobody can tell now, until the next progress · end: it is over, and the stream ends.',
        ),
      data: z.string().meta({
        contentMediaType: 'application/json',
        contentSchema: {
          anyOf: [{ $ref: `#/components/schemas/${of}` }, MESSAGE, { type: 'object', maxProperties: 0 }],
        },
        description:
          'A whole document, never what has changed in it; of `trouble` what is away; of `end` an empty one.',
      }),
    })
    .meta({ description: 'Comments between events are signs of life. Each connection begins with the present state.' });

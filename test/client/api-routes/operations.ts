import { z } from 'zod';

/** One operation of an OpenAPI document. */
export type Operation = {
  readonly id: string;
  readonly method: 'get' | 'post';
  /** With `{names}` in it. */
  readonly path: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly role: string;
  readonly answers: readonly string[];
  readonly parameters: readonly string[];
};

const Document = z.object({
  paths: z.record(
    z.string(),
    z.partialRecord(
      z.enum(['get', 'post']),
      z.object({
        operationId: z.string(),
        summary: z.string(),
        tags: z.array(z.string()),
        'x-role': z.string(),
        responses: z.record(z.string(), z.unknown()),
        parameters: z.array(z.object({ name: z.string() })).default([]),
      }),
    ),
  ),
});

export function operationsOf(document: string): readonly Operation[] {
  const { paths } = Document.parse(JSON.parse(document));
  return Object.entries(paths).flatMap(([path, methods]) =>
    (['get', 'post'] as const).flatMap((method) => {
      const found = methods[method];
      if (found === undefined) return [];
      const { operationId: id, summary, tags, 'x-role': role, responses, parameters } = found;
      const names = parameters.map(({ name }) => name);
      return { id, method, path, summary, tags, role, answers: Object.keys(responses), parameters: names };
    }),
  );
}

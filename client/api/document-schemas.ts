import { jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPIV3_1 } from 'openapi-types';
import { certainHeaders } from './document-answers.ts';

type Schemas = Readonly<Record<string, unknown>>;

/** What a schema that is read, rather than answered, is called before it has a name of its own. */
const INPUT = 'Input';
const REFERENCE = /"#\/components\/schemas\/([^"]+)"/g;

/**
 * The document with the schemas that it needs: of each schema two are made, one as it is read and one as it is answered.
 *
 * 1. Schemas that nothing refers to are left out.
 * 2. One that is only read has its plain name; so has one that is read and answered alike.
 * 3. Answers' headers say whether they are always there.
 */
export function documentSchemas(input: Parameters<typeof jsonSchemaTransformObject>[0]): OpenAPIV3_1.Document {
  const document = jsonSchemaTransformObject(input) as OpenAPIV3_1.Document;
  const { schemas = {} } = document.components ?? {};
  const paths = JSON.stringify(document.paths);
  const used = reachable(paths, schemas);
  const names = new Map([...used].map((name) => [name, plainName(name, used, schemas)]));
  const renamed = (text: string): string =>
    text.replaceAll(REFERENCE, (_, name: string) => `"#/components/schemas/${names.get(name) ?? name}"`);
  const kept = [...names].map(([name, plain]) => [plain, JSON.parse(renamed(JSON.stringify(schemas[name])))] as const);
  return {
    ...document,
    paths: withCertainHeaders(JSON.parse(renamed(paths)) as OpenAPIV3_1.PathsObject),
    components: {
      ...document.components,
      schemas: Object.fromEntries(kept.sort(([one], [other]) => (one < other ? -1 : 1))),
    },
  };
}

function reachable(paths: string, schemas: Schemas): ReadonlySet<string> {
  const seen = new Set<string>();
  const next = [paths];
  for (let text = next.pop(); text !== undefined; text = next.pop()) {
    for (const [, name = ''] of text.matchAll(REFERENCE)) {
      if (seen.has(name)) continue;
      seen.add(name);
      next.push(JSON.stringify(schemas[name]));
    }
  }
  return seen;
}

function plainName(name: string, used: ReadonlySet<string>, schemas: Schemas): string {
  const plain = name.slice(0, -INPUT.length);
  if (!name.endsWith(INPUT) || !(plain in schemas)) return name;
  return !used.has(plain) || isSame(schemas[name], schemas[plain], [used, schemas]) ? plain : name;
}

/** Down to all that they refer to. */
function isSame(read: unknown, answered: unknown, [used, schemas]: readonly [ReadonlySet<string>, Schemas]): boolean {
  const plain = (schema: unknown): string =>
    JSON.stringify(schema).replaceAll(REFERENCE, (_, name: string) => `"${plainName(name, used, schemas)}"`);
  return plain(read) === plain(answered);
}

function withCertainHeaders(paths: OpenAPIV3_1.PathsObject): OpenAPIV3_1.PathsObject {
  return JSON.parse(
    JSON.stringify(paths, (key, value: unknown) =>
      certainHeaders.some((name) => name === key) && typeof value === 'object' && value !== null
        ? { ...value, required: true }
        : value,
    ),
  ) as OpenAPIV3_1.PathsObject;
}

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { pathOf } from './audit.ts';
import { problemOf } from './problem-answer.ts';

/** What paths there are, and which methods each takes: a path with another method is no unknown path. */
type KnownPath = { readonly pattern: RegExp; readonly methods: Set<string> };

/** Answers what no route takes: 405 with Allow, OPTIONS with Allow alone, else 404. Registered before the routes. */
export function registerMethods(app: App): void {
  const known = new Map<string, KnownPath>();
  app.addHook('onRoute', ({ url, method }) => {
    const path = known.get(url) ?? { pattern: toPattern(url), methods: new Set<string>() };
    for (const each of [method].flat()) path.methods.add(each);
    known.set(url, path);
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return answerUnknown([...known.values()], request, reply);
  });
}

function answerUnknown(known: readonly KnownPath[], request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = pathOf(request.url);
  const methods = known.filter(({ pattern }) => pattern.test(path)).flatMap((each) => [...each.methods]);
  if (methods.length === 0)
    throw problemOf(404, 'there is nothing at this path; /openapi.json and /docs say what there is');
  const allow = [...new Set([...methods, 'OPTIONS'])].sort().join(', ');
  if (request.method === 'OPTIONS') return reply.code(204).header('allow', allow).send();
  throw problemOf(405, `this path takes ${allow}, not ${request.method}`, { headers: { allow } });
}

/** `/v1/fleets/:fleet` and `/docs/static/*` as expressions. */
function toPattern(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part === '*') return '.*';
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { App } from './app.ts';
import { documentRoute } from './document-answers.ts';
import { documentSchemas } from './document-schemas.ts';

/** Of the paths below /v1; it rises with what is added, and /v2 begins what is not compatible. */
const API_VERSION = '1.0.0';

const DESCRIPTION = `Upgrades fleets of container hosts: everything that the command line can do.

Send a token of \`refit token create\` as \`Authorization: Bearer …\`; a viewer reads, an operator also starts and commands,
an admin also reads the audit log. Every problem is one of RFC 9457. A POST may carry an \`Idempotency-Key\`: sent again with
the same key it is answered again, and done once. Long work is answered with 202 and its address; its events tell how far it is.

\`GET /healthz\` says without a token whether the API runs, and \`GET /openapi.json\` is this document.`;

/** What the routes are about, in the page's order. */
const tags = [
  { name: 'fleets', description: 'Fleets and their hosts.' },
  { name: 'releases', description: 'What a reference is, before it is used.' },
  { name: 'plans', description: 'What an upgrade would do; nothing is started.' },
  { name: 'upgrades', description: 'Upgrades of a whole fleet.' },
  { name: 'containers', description: 'One container, in place.' },
  { name: 'services', description: 'The members of a service, in phases or all at once.' },
  { name: 'units', description: 'Blue/green units.' },
  { name: 'audit', description: 'Who asked for what, and what became of it.' },
];

/** The OpenAPI document at /openapi.json, made of the routes' schemas, and its page at /docs. Registered before the routes. */
export async function registerDocument(app: App): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'refit',
        version: API_VERSION,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/', description: 'This API.' }],
      tags: [...tags],
      security: [{ bearer: [] }],
      components: {
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'A token of this API, or of its OpenID Connect provider.',
          },
        },
      },
    },
    transform: documentRoute,
    transformObject: documentSchemas,
  });
  // Everything it needs comes from here: the page works without any other place on the network.
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { validatorUrl: null } });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

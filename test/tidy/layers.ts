import { layerOf, type Import, type Source } from './source.ts';

type Layer = {
  /** Layers whose values it may import. */
  readonly values: readonly string[];
  /** Layers of which it may know the types besides. */
  readonly types?: readonly string[];
  /** Files of other layers that it may import all the same, since they hold definitions only. */
  readonly files?: readonly string[];
  /** What it may import from outside, beside what every layer may. */
  readonly packages: readonly RegExp[];
};

const node = /^node:/;
const temporal = /^@temporalio\//;
/** What serves the REST API. */
const api = /^(@fastify\/.*|fastify|fastify-type-provider-zod|jose|openapi-types)$/;
const messages = ['workflows/messages.ts', 'workflows/search-attributes.ts'];
/** Building a release builds the agent that it carries. */
const agentBuild = 'agent/build.ts';

/** DESIGN.md's picture of the folders: dependencies point to model/. */
export const layers: Readonly<Record<string, Layer>> = {
  model: { values: ['model'], packages: [] },
  workflows: {
    values: ['model', 'workflows'],
    types: ['activities'],
    packages: [/^@temporalio\/(workflow|common)$/],
  },
  activities: {
    values: ['model', 'activities'],
    packages: [node, /^@temporalio\/(activity|common)$/],
  },
  drivers: { values: ['model', 'drivers'], packages: [/^(?!@temporalio\/(?!envconfig$))/] },
  agent: { values: ['model', 'drivers', 'agent'], packages: [node, /^zod$/, /^esbuild$/] },
  worker: {
    values: ['model', 'workflows', 'activities', 'drivers', 'worker'],
    packages: [node, temporal, /^pino$/, /^zod$/],
  },
  client: {
    values: ['model', 'drivers', 'client', 'lab'],
    types: ['workflows'],
    files: [...messages, agentBuild],
    packages: [node, /^@temporalio\/(client|common|envconfig)/, /^(commander|zod|pino|execa)$/, api],
  },
  lab: {
    values: ['model', 'drivers', 'client', 'lab'],
    files: [agentBuild],
    packages: [node, /^(execa|zod)$/],
  },
};

/** What each source imports that its layer may not; one line each, with what to do. */
export function findLayerBreaks(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) => {
    const layer = layers[layerOf(source.path)];
    if (layer === undefined) return [];
    return source.imports
      .filter((found) => !isAllowed(layer, found))
      .map(({ specifier }) => `${source.path} imports ${specifier}: ${layerOf(source.path)}/ may not`);
  });
}

/** Nothing imports a program's main, nor the composition root. */
export function findRootImports(sources: readonly Source[]): readonly string[] {
  return sources.flatMap((source) =>
    source.imports.flatMap(({ target, typeOnly }) => {
      if (target === null || typeOnly || source.path.startsWith('bin/')) return [];
      if (/(^|\/)main\.ts$/.test(target)) return [`${source.path} imports the program ${target}`];
      const outside = !/^(worker|test|bench)\//.test(source.path);
      return outside && target.startsWith('worker/')
        ? [`${source.path} imports ${target} of the composition root`]
        : [];
    }),
  );
}

function isAllowed(layer: Layer, { specifier, target, typeOnly }: Import): boolean {
  if (target === null) return layer.packages.some((allowed) => allowed.test(specifier));
  // The package's own version is the one file at the top that is read.
  if (target === 'package.json' || layer.files?.includes(target) === true) return true;
  const of = layerOf(target);
  return layer.values.includes(of) || (typeOnly && layer.types?.includes(of) === true);
}

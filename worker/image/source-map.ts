import { z } from 'zod';

const MARK = '//# sourceMappingURL=data:application/json;charset=utf-8;base64,';
/** Where sources lie, to a stack trace of the image's workflows. */
const HOME = '/refit/sources';

const SourceMap = z.looseObject({ sources: z.array(z.string()) });

/** Bundled workflow code, its sources named from the checkout on: the same on each machine that bundles the same sources. */
export function withoutMachine(code: string): string {
  const start = code.lastIndexOf(MARK);
  if (start === -1) throw new Error('expected the workflow bundle to end with its source map');
  const encoded = code.slice(start + MARK.length).trim();
  const map = SourceMap.parse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')));
  const root = rootOf(map.sources);
  // The bundler's own name of its file has a digest of paths in it.
  const named = { ...map, file: 'workflows.js', sources: map.sources.map((source) => source.replace(root, HOME)) };
  return `${code.slice(0, start)}${MARK}${Buffer.from(JSON.stringify(named)).toString('base64')}\n`;
}

function rootOf(sources: readonly string[]): string {
  const entry = sources.find((source) => source.endsWith('/workflows/index.ts'));
  if (entry === undefined) throw new Error('expected workflows/index.ts among the sources of the workflow bundle');
  return entry.slice(0, -'/workflows/index.ts'.length);
}

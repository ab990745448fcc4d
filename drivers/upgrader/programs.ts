import { build, type Metafile } from 'esbuild';
import { posix } from 'node:path';

/** Where the programs lie in the image, with the packages that they load beside them. */
export const PROGRAM_FOLDER = '/refit/upgrader';

/** Name of a program in the image → its source, from the checkout. */
export type ProgramSources = Readonly<Record<string, string>>;

export type BundledPrograms = {
  /** By path in the image. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Packages that they import by name. */
  readonly packages: readonly string[];
};

/**
 * Bundles the checkout's own sources, one `.mjs` a program and the parts that they share; packages stay what they are: Temporal's
 * worker loads files of its own by their paths, and the natives are no JavaScript.
 */
export async function bundlePrograms(checkout: string, sources: ProgramSources): Promise<BundledPrograms> {
  const { outputFiles, metafile } = await build({
    entryPoints: { ...sources },
    absWorkingDir: checkout,
    outdir: PROGRAM_FOLDER,
    outExtension: { '.js': '.mjs' },
    chunkNames: 'parts/[name]-[hash]',
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    // A stack trace has to name functions as the source does.
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
  return { files, packages: packagesOf(metafile) };
}

function packagesOf({ outputs }: Metafile): readonly string[] {
  const imports = Object.values(outputs).flatMap((output) => output.imports);
  const names = imports.filter(({ external }) => external === true).map(({ path }) => packageName(path));
  return [...new Set(names.filter((name) => !name.startsWith('node:')))].sort();
}

/** `@scope/name/part` → `@scope/name`. */
const packageName = (specifier: string): string =>
  specifier
    .split(posix.sep)
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join(posix.sep);

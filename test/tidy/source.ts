import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

export type Import = {
  /** As written: `../model/ids.ts`, `node:fs`, `zod`. */
  readonly specifier: string;
  /** Path from the checkout's root, for a file of ours; else null. */
  readonly target: string | null;
  readonly typeOnly: boolean;
};

export type Source = { readonly path: string; readonly text: string; readonly imports: readonly Import[] };

/** Folders that hold nothing of ours. */
const FOREIGN = new Set(['node_modules', '.git', '.refit', 'dist', 'coverage']);

export const root = resolve(import.meta.dirname, '../..');

/** Paths of the checkout's files with one of the endings, from its root. */
export function listFiles(endings: readonly string[], folder: string = root): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : listFiles(endings, path);
      return endings.some((ending) => entry.name.endsWith(ending)) ? [relative(root, path)] : [];
    })
    .sort();
}

export const readSources = (): readonly Source[] => listFiles(['.ts', '.mjs']).map(readSource);

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');

/** First folder of the path, such as `model`; a file at the top has none. */
export const layerOf = (path: string): string => (dirname(path) === '.' ? '' : (path.split('/')[0] ?? ''));

/** The file's name without its endings. */
export const stemOf = (path: string): string => basename(path).replace(/(\.(test|config|d))?\.(ts|mjs)$/, '');

function readSource(path: string): Source {
  const text = readText(path);
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier))
      imports.push(toImport(path, specifier.text, typeOnly));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, text, imports };
}

function toImport(from: string, specifier: string, typeOnly: boolean): Import {
  const target = specifier.startsWith('.') ? join(dirname(from), specifier) : null;
  return { specifier, target, typeOnly };
}

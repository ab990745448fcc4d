import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { diagrams, withDiagram } from '../docs/diagrams.ts';
import { findLayerBreaks, findRootImports } from './tidy/layers.ts';
import { layerOf, listFiles, readSources, readText, stemOf, type Source } from './tidy/source.ts';
import { findBannedWords, machinePath } from './tidy/words.ts';

/** Past this a source has a second noun in it; tests tell longer stories. */
const MAX_LINES = 300;
const MAX_TEST_LINES = 500;
const MAX_README_LINES = 120;
const MAX_ARCHITECTURE_LINES = 300;
const MAX_CONTRIBUTING_LINES = 60;

/** Programs, and what is loaded by its path: everything else has to be reachable from these. */
const roots = [
  /^bin\//,
  /(^|\/)main\.ts$/,
  /^workflows\/index\.ts$/,
  /\.config\.ts$/,
  /\.test\.ts$/,
  /^test\/setup\/(parts|lab|lab-is-up)\.ts$/,
  /^docs\/diagrams\.ts$/,
  /^lab\/sample\/(dns|shop|web)\//,
];

const sources = readSources();
const own = sources.filter((source) => layerOf(source.path) !== 'test');
const pages = listFiles(['.md']).filter((path) => path !== 'CHANGELOG.md');

/** The rules about words quote the words. */
const spoken = own
  .map(({ path, text }) => ({ path, text }))
  .concat(pages.map((path) => ({ path, text: readText(path) })));

describe('layering', () => {
  test('every layer imports only what it may', () => {
    expect(findLayerBreaks(sources)).toEqual([]);
  });

  test('nothing imports a program or the composition root', () => {
    expect(findRootImports(sources)).toEqual([]);
  });

  test('a rule that is broken is found', () => {
    const source: Source = {
      path: 'model/x.ts',
      text: '',
      imports: [
        { specifier: '../drivers/y.ts', target: 'drivers/y.ts', typeOnly: true },
        { specifier: '../worker/main.ts', target: 'worker/main.ts', typeOnly: false },
      ],
    };

    expect(findLayerBreaks([source])).toHaveLength(2);
    expect(findRootImports([source])).toHaveLength(1);
  });

  test('every source is used by a program, every part of a test by a test', () => {
    const live = reachable(sources.filter(({ path }) => !path.startsWith('test/')));
    const tested = reachable(sources);
    const dead = sources.filter(({ path }) => !(path.startsWith('test/') ? tested : live).has(path));

    expect(dead.map(({ path }) => path)).toEqual([]);
  });
});

describe('names', () => {
  test('files are named after one noun, in kebab-case', () => {
    const vague = /^(utils?|helpers?|common|misc|manager)$|-(utils?|helpers?|manager)$/;
    const wrong = sources.filter(
      ({ path }) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stemOf(path)) || vague.test(stemOf(path)),
    );

    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  test('code and pages use the words of the glossary', () => {
    expect(spoken.flatMap(({ path, text }) => findBannedWords(path, text))).toEqual([]);
  });

  test('a word that is not ours is found, and a peer’s own word is left alone', () => {
    expect(findBannedWords('a.md', 'the rollout of every node')).toHaveLength(2);
    expect(findBannedWords('a.md', "etcd's cluster id")).toEqual([]);
  });

  test('nothing names a path of somebody’s machine', () => {
    const named = [...sources, ...spoken].filter(
      ({ path, text }) => !path.startsWith('test/tidy') && machinePath.test(text),
    );

    expect(named.map(({ path }) => path)).toEqual([]);
  });
});

describe('style', () => {
  test('no file has a second noun in it', () => {
    const most = (path: string): number => (layerOf(path) === 'test' ? MAX_TEST_LINES : MAX_LINES);
    const long = sources.filter(({ path, text }) => text.split('\n').length > most(path));

    expect(long.map(({ path, text }) => `${path} has ${text.split('\n').length} lines`)).toEqual([]);
  });

  test('no rule is switched off in a file', () => {
    const off = sources.filter(
      ({ path, text }) => path !== 'test/tidy.test.ts' && /eslint-disable|@ts-(ignore|nocheck)/.test(text),
    );

    expect(off.map(({ path }) => path)).toEqual([]);
  });

  test('what is left to do has an issue number', () => {
    const open = sources.filter(({ text }) =>
      /\b(TODO|FIXME|XXX)\b(?!\(#\d+\))/.test(text.replace(/\/\\b.*\\b.*\/\./g, '')),
    );

    expect(open.map(({ path }) => path).filter((path) => path !== 'test/tidy.test.ts')).toEqual([]);
  });
});

describe('dependencies', () => {
  const versions = z.record(z.string(), z.string());
  const { dependencies, devDependencies } = z
    .object({ dependencies: versions, devDependencies: versions })
    .parse(JSON.parse(readText('package.json')));
  const [, chapter = ''] = readText('docs/ARCHITECTURE.md').split('## Dependencies');
  const named = [...chapter.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  const imported = new Set(own.flatMap((source) => source.imports.map(({ specifier }) => specifier)));

  test('every one is used', () => {
    // tsx is named on command lines only.
    const used = (name: string): boolean =>
      name === 'tsx' || [...imported].some((specifier) => specifier === name || specifier.startsWith(`${name}/`));

    expect(Object.keys(dependencies).filter((name) => !used(name))).toEqual([]);
  });

  test('every one has a line in docs/ARCHITECTURE.md that says what for', () => {
    const isNamed = (name: string): boolean => named.includes(name.replace(/^(@temporalio\/).*/, '$1*'));
    const isNamedForDevelopment = (name: string): boolean => named.includes(name.replace(/^(@types\/).*/, '$1*'));

    expect(Object.keys(dependencies).filter((name) => !isNamed(name))).toEqual([]);
    expect(Object.keys(devDependencies).filter((name) => !isNamedForDevelopment(name))).toEqual([]);
  });

  test('no line of that page’s table is about one that is gone', () => {
    const rows = [...chapter.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name);

    expect(rows.filter((name) => !(name in dependencies) && name !== '@temporalio/*')).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
  });
});

describe('pages', () => {
  test.each(diagrams)('docs/$file shows the $name states as their table says', (diagram) => {
    const page = readText(`docs/${diagram.file}`);

    expect(page, 'out of date; write it with: npm run docs').toBe(withDiagram(page, diagram));
  });

  test('the pages that a stranger reads first are short', () => {
    expect(readText('README.md').split('\n').length).toBeLessThanOrEqual(MAX_README_LINES);
    expect(readText('CONTRIBUTING.md').split('\n').length).toBeLessThanOrEqual(MAX_CONTRIBUTING_LINES);
    expect(readText('docs/ARCHITECTURE.md').split('\n').length).toBeLessThanOrEqual(MAX_ARCHITECTURE_LINES);
  });
});

/** Paths of all sources that the roots among them lead to. */
function reachable(among: readonly Source[]): ReadonlySet<string> {
  const byPath = new Map(among.map((source) => [source.path, source]));
  const seen = new Set<string>();
  const next = [...byPath.keys()].filter((path) => roots.some((root) => root.test(path)));
  for (let path = next.pop(); path !== undefined; path = next.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    next.push(...(byPath.get(path)?.imports ?? []).flatMap(({ target }) => target ?? []));
  }
  return seen;
}

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listFiles, readText, root } from './tidy/source.ts';

const program = join(root, 'bin/refit.mjs');
const pages = listFiles(['.md']);

/** A page's commands of refit, from its blocks of shell lines and from the code in its sentences. */
const shown = pages.flatMap((page) => commandsOf(readText(page)).map((command) => ({ page, command })));
const commands = [...new Set(shown.map(({ command }) => command))];

describe('pages', () => {
  test('every page shows what exists: there is something to check', () => {
    expect(commands.length).toBeGreaterThan(10);
  });

  test.each(commands)('refit knows the command and every option of: %s', async (command) => {
    const words = command.split(/\s+/);
    const until = words.indexOf('--');
    const own = until < 0 ? words : words.slice(0, until);

    const help = await helpOf(own.slice(0, 2).filter((word) => /^[a-z]+$/.test(word)));

    for (const option of own.filter((word) => word.startsWith('--'))) {
      expect(help.text, `${command}, shown in ${pagesWith(command)}`).toContain(option.replace(/[=…,.)].*$/, ''));
    }
  });

  test('a command that refit does not know is found', async () => {
    await expect(helpOf(['upgrades', 'nonsense'])).rejects.toThrow('upgrades has no command nonsense');
  });

  test('every npm script that a page names is there', () => {
    const { scripts } = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readText('package.json')));
    const named = pages.flatMap((page) => [...readText(page).matchAll(/npm run ([a-z]+)/g)].map((match) => match[1]));

    expect(Object.keys(scripts)).toEqual(expect.arrayContaining([...new Set(named)]));
  });

  test.each(pages)('every file that %s links to is there', (page) => {
    const links = [...readText(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map((match) => match[1] ?? '');

    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });
});

type Help = { readonly text: string; readonly commands: readonly string[] };
const asked = new Map<string, Promise<Help>>();

/** Help of the command that the words lead to; words after the deepest command are its arguments. */
async function helpOf(words: readonly string[]): Promise<Help> {
  const [first = '', second] = words;
  const top = await ask([]);
  if (!top.commands.includes(first)) throw new Error(`refit has no command ${first}`);
  const command = await ask([first]);
  if (second === undefined || command.commands.length === 0) return command;
  if (!command.commands.includes(second)) throw new Error(`refit ${first} has no command ${second}`);
  return ask([first, second]);
}

function ask(path: readonly string[]): Promise<Help> {
  const key = path.join(' ');
  const known = asked.get(key) ?? readHelp(path);
  asked.set(key, known);
  return known;
}

async function readHelp(path: readonly string[]): Promise<Help> {
  const { stdout } = await execa(process.execPath, [program, ...path, '--help']);
  // Without commands of its own, whatever looks like one is a line of its options.
  const isGroup = /^Usage: .*\[command\]/m.test(stdout);
  const listed = !isGroup
    ? []
    : [...stdout.matchAll(/^ {2}([a-z]+)(?: \[options\]| \[command\])?(?: [<[].*?[>\]])*(?: {2,}.*)?$/gm)];
  return { text: stdout, commands: listed.map((match) => match[1] ?? '') };
}

/** Comments, prompts and `npx` are cut off; what stands behind a pipe is another program's. */
function commandsOf(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)].flatMap((match) =>
    (match[1] ?? '').split('\n'),
  );
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
  return [...blocks, ...spans].flatMap((line) => {
    const command = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?refit ([a-z][^#|<>]*)/.exec(line.trim())?.[1];
    return command === undefined ? [] : [command.trim()];
  });
}

const pagesWith = (command: string): string =>
  shown
    .filter((each) => each.command === command)
    .map(({ page }) => page)
    .join(', ');

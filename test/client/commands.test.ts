import { describe, expect, it } from 'vitest';
import { commandName, commandsFor } from '../../client/cli/commands.ts';

describe('the command that the arguments ask for', () => {
  it.each([
    [['upgrades', 'show', 'lab-1'], 'upgrades'],
    [['--json', 'upgrades', 'show', 'lab-1'], 'upgrades'],
    [['--fleet', 'upgrade', 'fleet', 'status'], 'fleet'],
    [['--api', 'https://refit.example', '--token-file', 'upgrade', 'plan', 'x:1'], 'plan'],
    [['help', 'upgrade'], 'upgrade'],
    [['unit', 'upgrade', 'shop', 'sample:2'], 'unit'],
    [['--help'], undefined],
    [[], undefined],
  ])('%j', (argv, name) => expect(commandName(argv)).toBe(name));

  it('is the only one that is loaded', () => {
    expect(
      commandsFor(['lab', 'status'])
        .filter((command) => command.load !== null)
        .map((command) => command.name),
    ).toEqual(['lab']);
    expect(commandsFor(['--help']).filter((command) => command.load !== null)).toEqual([]);
  });

  it('comes with its siblings of the same file, which are not named twice', () => {
    const names = commandsFor(['pause', 'lab-1']).map((command) => command.name);

    expect(names).toContain('pause');
    expect(names).not.toContain('resume');
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { UPGRADE_PROGRAM, writeApiProgram } from '../../parts/api-program.ts';
import { startApi } from './an-api.ts';

let document: string;
beforeAll(async () => {
  await using api = await startApi();
  document = (await api.ask('GET', '/openapi.json', { as: null })).text;
});

describe('a client that is generated from the document', () => {
  test('lets a program compile that upgrades, follows and rolls back', async () => {
    await using program = await writeApiProgram(document);

    expect(program.faults()).toEqual([]);
  });

  test('lets none compile that asks for a route, a command or a policy that there is not', async () => {
    const wrong = UPGRADE_PROGRAM.replace('/upgrades/{upgrade}/commands', '/upgrades/{upgrade}/wishes')
      .replace("command: 'rollback'", "command: 'undo'")
      .replace('step: true', "step: 'maybe'");
    await using program = await writeApiProgram(document, wrong);

    const faults = program.faults().join('\n');

    for (const word of ['/upgrades/{upgrade}/wishes', '"undo"', "type 'boolean | undefined'"])
      expect(faults).toContain(word);
  });
});

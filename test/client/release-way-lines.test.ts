import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chainEntryText, chainLines, jumpLines, migrationLines } from '../../client/cli/release-way-lines.ts';
import { Manifest } from '../../drivers/release/manifest-schema.ts';
import { parseYaml } from '../../drivers/yaml-document.ts';
import type { SupportedJump } from '../../model/release.ts';
import { backup, chainEntry, digestOf, jumps, migration, readRelease } from '../fakes/release.ts';
import { RUNS } from '../model/runs.ts';

const blocked: SupportedJump = { range: '<3.0.0', limit: { limit: 'blocked', reason: 'its store is unreadable' } };
const risky: SupportedJump = { range: '3.x', limit: { limit: 'risk', name: 'data-loss', reason: 'sessions go' } };

describe('what a release is installed over', () => {
  test('is shown in one line where nothing stands against it', () => {
    expect(jumpLines([])).toEqual(['  upgrades from any version']);
    expect(jumpLines(jumps('3.x', '4.0.x'))).toEqual(['  upgrades from 3.x, 4.0.x']);
  });

  test('is shown with what stands against it, and how to go on all the same', () => {
    expect(jumpLines([blocked, ...jumps('4.0.x'), risky])).toEqual([
      '  upgrades from 4.0.x',
      '    <3.0.0 is blocked: its store is unreadable',
      '    3.x with --accept-risk data-loss: sessions go',
    ]);
    expect(jumpLines([risky])[0]).toBe('  upgrades from');
  });

  test('is shown with the releases on the way', () => {
    const chain = [
      { ...chainEntry('4.0.1'), upgradesFrom: [...jumps('>=3.4.2 <4.0.1'), risky] },
      { ...chainEntry('4.1.1', [], 'f'), components: { etcd: '3.5.9', dns: '1.2.0' } },
    ];

    expect(chainLines({ chain, components: { etcd: '3.6.0' } })).toEqual([
      '  chain',
      `    4.0.1 from >=3.4.2 <4.0.1; 3.x with --accept-risk data-loss: sessions go; ${digestOf('e')}`,
      `    4.1.1 from any lower version; with etcd 3.5.9, dns 1.2.0; ${digestOf('f')}`,
      '  components    etcd 3.6.0',
    ]);
  });
});

test('migrations are shown with when they are applied and which of them have a way back', () => {
  const migrations = [
    migration('add'),
    migration('index', { down: null, compatible: true }),
    migration('drop', { down: null, when: 'contract' }),
  ];
  const { image } = backup;

  expect(migrationLines({ migrations, backup })).toEqual([
    '  migrations',
    `    1. add: expand, with a way back, beside db, from ${image}`,
    `    2. index: expand, stays on a roll back, beside db, from ${image}`,
    `    3. drop: contract, no way back, beside db, from ${image}`,
    `  backup        beside db, from ${image}`,
  ]);
});

describe('the entry for the chain of a later release', () => {
  test('is one line of YAML', () => {
    const read = readRelease({ version: '4.0.1', upgradesFrom: [...jumps('>=3.4.2 <4.0.1'), blocked] });

    expect(chainEntryText(read)).toBe(
      `- { version: 4.0.1, digest: ${read.ref.digest}, upgradesFrom: [">=3.4.2 <4.0.1", { range: "<3.0.0", blocked: "its store is unreadable" }] }`,
    );
  });

  test('is read by the parser of release.yaml as what the release says of itself', () => {
    fc.assert(
      fc.property(jumpLists, components, (upgradesFrom, parts) => {
        const read = readRelease({ version: '4.0.1', upgradesFrom, components: parts });
        const text = `name: a\nversion: 4.2.0\nhost: { steps: [] }\nchain:\n  ${chainEntryText(read)}\n`;

        const { chain } = Manifest.parse(parseYaml(text).value);

        expect(chain).toEqual([{ version: '4.0.1', digest: read.ref.digest, upgradesFrom, components: parts }]);
      }),
      RUNS,
    );
  });
});

const names = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?$/);
const reasons = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((text) => /^\S/.test(text));
const ranges = fc.constantFrom('>=3.4.2 <4.0.1', '^3.0.0', '3.x || 4.0.0-rc.1', '*');
const limits: fc.Arbitrary<SupportedJump['limit']> = fc.oneof(
  fc.constant({ limit: 'none' as const }),
  fc.record({ limit: fc.constant('blocked' as const), reason: reasons }),
  fc.record({ limit: fc.constant('risk' as const), name: names, reason: reasons }),
);
const jumpLists = fc.array(fc.record({ range: ranges, limit: limits }), { maxLength: 3 });
const components = fc
  .dictionary(names, fc.constantFrom('3.5.9', '1.0.0-rc.1'), { maxKeys: 3, noNullPrototype: true })
  .map((parts) => ({ ...parts }));

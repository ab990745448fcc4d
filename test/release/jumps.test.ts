import { describe, expect, test } from 'vitest';
import { MAX_CHAIN, MAX_RANGES } from '../../drivers/release/jump-schema.ts';
import { jumps } from '../fakes/release.ts';
import { digest, problemsOf, readFields } from './jump-manifest.ts';
import { manifestProblems } from './unit-manifest.ts';

describe('the jumps of a release.yaml', () => {
  test('are ranges, those that nobody can take, and those that need a risk accepted', async () => {
    const { upgradesFrom } = await readFields({
      upgradesFrom: [
        '>=4.1.1 <4.2.0',
        { range: '<3.0.0', blocked: 'the store of 2.x is unreadable' },
        { range: '3.x', risk: 'data-loss', reason: 'sessions are dropped' },
      ],
    });

    expect(upgradesFrom).toEqual([
      ...jumps('>=4.1.1 <4.2.0'),
      { range: '<3.0.0', limit: { limit: 'blocked', reason: 'the store of 2.x is unreadable' } },
      { range: '3.x', limit: { limit: 'risk', name: 'data-loss', reason: 'sessions are dropped' } },
    ]);
  });

  test('lead over earlier releases, each with its digest and what it is made of', async () => {
    const chain = [
      { version: '4.0.1', digest: digest('a'), upgradesFrom: ['3.x'], components: { etcd: '3.4.9' } },
      { version: '4.1.1', digest: digest('b') },
    ];

    const release = await readFields({ chain, components: { etcd: '3.5.9' } });

    expect(release.components).toEqual({ etcd: '3.5.9' });
    expect(release.chain).toEqual([
      { ...chain[0], upgradesFrom: jumps('3.x') },
      { ...chain[1], upgradesFrom: [], components: {} },
    ]);
  });

  test('are from any lower version when none is named', async () => {
    const release = await readFields({ upgradesFrom: [], chain: [] });

    expect(release).toMatchObject({ upgradesFrom: [], chain: [], components: {} });
  });
});

describe('a jump is refused', () => {
  test.each([
    ['upgradesFrom[0]', 'expected a version range such as ^1.4.0, got "nope"', 'nope'],
    ['upgradesFrom[0]', 'expected a version range such as ^1.4.0, got 4', 4],
    ['upgradesFrom[0]', 'expected either blocked or risk besides range', { range: '3.x' }],
    [
      'upgradesFrom[0]',
      'expected either blocked or risk besides range',
      { range: '3.x', blocked: 'no', risk: 'a', reason: 'b' },
    ],
    ['upgradesFrom[0]', 'expected either blocked or risk besides range', { range: '3.x', risk: 'data-loss' }],
    ['upgradesFrom[0]', 'expected either blocked or risk besides range', { range: '3.x', blocked: 'no', reason: 'b' }],
    ['upgradesFrom[0].range', 'expected a version range such as ^1.4.0, got "nope"', { range: 'nope', blocked: 'no' }],
    ['upgradesFrom[0].range', 'expected a version range such as ^1.4.0, got nothing', { blocked: 'no' }],
    ['upgradesFrom[0].risk', 'expected a risk name', { range: '3.x', risk: 'Data loss', reason: 'b' }],
    ['upgradesFrom[0].blocked', 'expected the reason in at most', { range: '3.x', blocked: 'x'.repeat(300) }],
    ['upgradesFrom[0].blokced', 'unknown field', { range: '3.x', blokced: 'no' }],
  ])('at %s: %s', async (field, message, jump) => {
    const problems = await problemsOf({ upgradesFrom: [jump], chain: [] });

    expect(problems).toContainEqual(expect.stringContaining(`${field}: ${message}`));
  });

  test.each([
    [
      '>=4.0.0 <4.2.0',
      '4.1.x',
      'upgradesFrom[1]: "4.1.x" and upgradesFrom[0] (">=4.0.0 <4.2.0") both have 4.1.0: no one',
    ],
    [
      '3.x',
      { range: '>=3.4.0 <4.0.0', blocked: 'no' },
      'upgradesFrom[1].range: ">=3.4.0 <4.0.0" and upgradesFrom[0] ("3.x")',
    ],
  ])('where %s and %j overlap', async (first, second, problem) => {
    const problems = await problemsOf({ upgradesFrom: [first, second], chain: [] });

    expect(problems).toEqual([expect.stringContaining(problem)]);
    expect(problems[0]).toContain('cut them apart');
  });

  test('where it overlaps another one of an entry of the chain', async () => {
    const chain = [{ version: '4.1.1', digest: digest('b'), upgradesFrom: ['^3.4.0', '3.x'] }];

    expect(await problemsOf({ chain })).toEqual([
      'chain[0].upgradesFrom[1]: "3.x" and chain[0].upgradesFrom[0] ("^3.4.0") both have 3.4.0: no one could say which of them counts; cut them apart',
    ]);
  });

  test('where it has a range that leads from nowhere but itself', async () => {
    const problem =
      '">=4.2.0" has no version lower than 4.2.0, which it leads to, but 4.2.0, from which there would be a cycle; name lower ones';

    expect(await problemsOf({ upgradesFrom: ['>=4.2.0'], chain: [] })).toEqual([`upgradesFrom[0]: ${problem}`]);
  });

  test('where the chain leads back over a later release alone', async () => {
    const chain = [
      { version: '4.0.1', digest: digest('a'), upgradesFrom: ['4.1.x'] },
      { version: '4.1.1', digest: digest('b'), upgradesFrom: ['4.0.x'] },
    ];

    expect(await problemsOf({ chain })).toEqual([
      'chain[0].upgradesFrom[0]: "4.1.x" has no version lower than 4.0.1, which it leads to, but 4.1.1, from which there would be a cycle; name lower ones',
    ]);
  });

  test.each([
    ['a pre-release that no range names', '4.2.0-rc.1', ['>=4.1.1']],
    ['no range at all', '4.2.0', []],
    ['a bound', '4.2.0', ['>=3.4.2 <4.2.0']],
    ['something lower in it', '4.2.0', ['^4.0.0']],
  ])('for no cycle where there is %s', async (_what, version, upgradesFrom) => {
    await expect(readFields({ version, upgradesFrom })).resolves.toHaveProperty('version', version);
  });
});

describe('an entry of the chain is refused', () => {
  test.each([
    ['digest', "expected the digest of the release's image, such as sha256:…, got nothing", { digest: undefined }],
    ['digest', 'expected the digest of the release\'s image, such as sha256:…, got "latest"', { digest: 'latest' }],
    ['version', 'expected a semantic version such as 2.0.0, got 4.1', { version: 4.1 }],
    ['components.etcd', 'expected a semantic version such as 2.0.0, got 3.5', { components: { etcd: 3.5 } }],
    ['components.Etcd', 'a component is named', { components: { Etcd: '3.5.0' } }],
    ['version', '4.2.0 is not lower than 4.2.0, the release itself', { version: '4.2.0' }],
    ['version', '5.0.0 is not lower than 4.2.0, the release itself', { version: '5.0.0' }],
    ['reason', 'unknown field', { reason: 'a' }],
  ])('at %s: %s', async (field, message, fields) => {
    const chain = [{ version: '4.1.1', digest: digest('b'), ...fields }];

    expect(await problemsOf({ chain })).toEqual([expect.stringContaining(`chain[0].${field}: ${message}`)]);
  });

  test('when its version or its digest is there twice', async () => {
    const entry = { version: '4.1.1', digest: digest('b') };

    expect(await problemsOf({ chain: [entry, entry] })).toEqual([
      'chain[1].version: "4.1.1" is already chain[0].version',
      `chain[1].digest: "${digest('b')}" is already chain[0].digest`,
    ]);
  });

  test('when it leads nowhere', async () => {
    const chain = [{ version: '4.0.1', digest: digest('a') }];

    expect(await problemsOf({ chain })).toEqual([
      'chain[0]: leads nowhere: no later release can be installed over 4.0.1; name it in an upgradesFrom, or take it away',
    ]);
  });

  test('when what leads on from it is blocked', async () => {
    const chain = [{ version: '4.0.1', digest: digest('a') }];
    const upgradesFrom = [{ range: '4.0.x', blocked: 'no' }];

    expect(await problemsOf({ chain, upgradesFrom })).toEqual([expect.stringContaining('chain[0]: leads nowhere')]);
  });

  test.each([
    ['3.4.9', '3.6.0'],
    ['3.6.1', '3.5.9'],
    ['3.6.1', '4.0.0'],
  ])('when a component would go from %s to %s after it', async (before, after) => {
    const chain = [{ version: '4.1.1', digest: digest('b'), components: { etcd: before, dns: '1.0.0' } }];

    expect(await problemsOf({ chain, components: { etcd: after } })).toEqual([
      `chain[0]: leads nowhere: 4.2.0 would move etcd from ${before} to ${after}, and it moves one minor version at a time; put a release between them`,
    ]);
  });

  test('not when a later one takes its components further step by step', async () => {
    const chain = [
      { version: '4.0.1', digest: digest('a'), components: { etcd: '3.4.9' } },
      { version: '4.1.1', digest: digest('b'), components: { etcd: '3.5.9' } },
    ];

    const release = await readFields({ chain, upgradesFrom: [], components: { etcd: '3.6.0' } });

    expect(release.chain).toHaveLength(2);
  });
});

test('everything that is wrong with the jumps of a release is told at once, each at its place', async () => {
  const problems = await manifestProblems(`name: shop
version: 4.2.0
upgradesFrom: ["4.1.x", "4.x <4.2.0"]
chain:
  - { version: 4.0.1, digest: ${digest('a')}, upgradesFrom: [">=4.1.0"] }
  - version: 4.1.1
    upgradesFrom: [5]
  - { version: 4.3.0, digest: ${digest('a')} }
host: { steps: [] }
`);

  expect(problems).toEqual([
    'release.yaml:3:25: upgradesFrom[1]: "4.x <4.2.0" and upgradesFrom[0] ("4.1.x") both have 4.1.0: no one could say which of them counts; cut them apart',
    'release.yaml:5:119: chain[0].upgradesFrom[0]: ">=4.1.0" has no version lower than 4.0.1, which it leads to, but 4.1.1, from which there would be a cycle; name lower ones',
    "release.yaml:6:5: chain[1].digest: expected the digest of the release's image, such as sha256:…, got nothing",
    'release.yaml:7:20: chain[1].upgradesFrom[0]: expected a version range such as ^1.4.0, got 5',
    'release.yaml:8:7: chain[2].version: 4.3.0 is not lower than 4.2.0, the release itself; the chain has earlier releases alone',
    `release.yaml:8:23: chain[2].digest: "${digest('a')}" is already chain[0].digest`,
  ]);
});

describe('a release has at most', () => {
  test(`${MAX_CHAIN} entries in its chain`, async () => {
    const chain = Array.from({ length: MAX_CHAIN + 1 }, (_, index) => ({
      ...{ version: `1.${index}.0`, digest: `sha256:${String(index).padStart(64, '0')}` },
    }));

    expect(await problemsOf({ chain })).toEqual([`chain: expected a list of at most ${MAX_CHAIN}, got a list of 65`]);
    expect((await readFields({ chain: chain.slice(1), upgradesFrom: [] })).chain).toHaveLength(MAX_CHAIN);
  });

  test(`${MAX_RANGES} ranges`, async () => {
    const upgradesFrom = Array.from({ length: MAX_RANGES + 1 }, (_, index) => `~4.${index}.0`);

    expect(await problemsOf({ version: '5.0.0', upgradesFrom, chain: [] })).toEqual([
      `upgradesFrom: expected a list of at most ${MAX_RANGES}, got a list of 17`,
    ]);
  });
});

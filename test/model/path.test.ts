import fc from 'fast-check';
import semver from 'semver';
import { describe, expect, it } from 'vitest';
import { versions } from '../../drivers/versions.ts';
import { createPathFinder, type Path, type PathTarget } from '../../model/path.ts';
import type { ChainEntry, SupportedJump } from '../../model/release.ts';
import { parseDigest } from '../../model/ids.ts';
import { digestOf } from '../fakes/release.ts';
import { bestByForce, graphs, risks, type Graph } from './paths-by-force.ts';
import { RUNS } from './runs.ts';

/** Every version has a digest of its own. */
const digestFor = (version: string): ChainEntry['digest'] =>
  parseDigest(`sha256:${Buffer.from(version).toString('hex').padEnd(64, '0').slice(0, 64)}`);

const open = (range: string): SupportedJump => ({ range, limit: { limit: 'none' } });
const blocked = (range: string, reason: string): SupportedJump => ({ range, limit: { limit: 'blocked', reason } });
const risky = (range: string, name: string, reason = `${name} may happen`): SupportedJump => ({
  range,
  limit: { limit: 'risk', name, reason },
});

const entry = (
  version: string,
  upgradesFrom: readonly SupportedJump[],
  components: ChainEntry['components'] = {},
): ChainEntry => ({ version, digest: digestFor(version), upgradesFrom, components });

const target = (
  version: string,
  upgradesFrom: readonly SupportedJump[],
  { chain = [], components = {} }: Partial<Pick<PathTarget, 'chain' | 'components'>> = {},
): PathTarget => ({ name: 'sample', ...entry(version, upgradesFrom, components), chain });

const pathOf = (to: PathTarget, from: string | null, acceptRisks: readonly string[] = []): Path =>
  createPathFinder(to, { versions, acceptRisks })(
    from === null ? null : { name: 'sample', version: from, digest: digestFor(from) },
  );

/** `4.0.1 4.1.1! 4.2.0`: `!` where a risk was accepted; else the path's kind. */
const shortly = (path: Path): string =>
  path.path === 'hops'
    ? path.hops.map(({ version, risk }) => `${version}${risk === null ? '' : '!'}`).join(' ')
    : path.path;

const refusal = (path: Path): string => (path.path === 'none' ? `${path.because}; ${path.remedy}` : shortly(path));

/** The chain of the issue: each release over the one before only. */
const chain = [
  entry('3.4.2', [open('>=3.0.0 <3.4.2')]),
  entry('4.0.1', [open('>=3.4.2 <4.0.1')]),
  entry('4.1.1', [open('>=4.0.1 <4.1.1')]),
];
const release = target('4.2.0', [open('>=4.1.1 <4.2.0')], { chain });

describe('the path to a release', () => {
  it.each([
    ['3.4.2', '4.0.1 4.1.1 4.2.0'],
    ['4.0.1', '4.1.1 4.2.0'],
    ['4.1.1', '4.2.0'],
    ['4.2.0', 'there'],
    [null, 'new'],
  ])('from %s is %s', (from, expected) => {
    expect(shortly(pathOf(release, from))).toBe(expected);
  });

  it('begins at a version that the chain does not know if a range admits it', () => {
    expect(shortly(pathOf(release, '3.9.9'))).toBe('4.0.1 4.1.1 4.2.0');
  });

  it('is one jump where the release can be installed over anything lower', () => {
    expect(shortly(pathOf(target('4.2.0', [], { chain }), '0.0.1'))).toBe('4.2.0');
  });

  it('is one hop from the same version with another digest, which was built again', () => {
    const path = createPathFinder(release, { versions, acceptRisks: [] })({
      ...{ name: 'sample', version: '4.2.0', digest: digestOf('f') },
    });

    expect(shortly(path)).toBe('4.2.0');
  });

  it('is the shortest, and of equally short ones the newest', () => {
    const to = target('3.0.0', [open('>=2.0.0 <3.0.0')], {
      chain: [
        entry('2.0.0', [open('>=1.0.0 <2.0.0')]),
        entry('2.2.0', [open('>=2.0.0 <2.2.0')]),
        entry('2.1.0', [open('>=1.0.0 <2.1.0')]),
      ],
    });

    expect(shortly(pathOf(to, '1.0.0'))).toBe('2.1.0 3.0.0');
  });

  it('is the shortest also where a newer version is within reach, from which it is further', () => {
    const to = target('3.0.0', [open('2.1.0 || 2.3.0')], {
      chain: [entry('2.1.0', [open('1.x')]), entry('2.2.0', [open('1.x')]), entry('2.3.0', [open('2.2.0')])],
    });

    expect(shortly(pathOf(to, '1.0.0'))).toBe('2.1.0 3.0.0');
  });

  it('takes no risk that it need not, but one rather than a longer path', () => {
    const safe = entry('2.0.0', [open('1.x')]);
    const newer = entry('2.1.0', [risky('1.x', 'reindex')]);
    const to = target('3.0.0', [open('2.x')], { chain: [safe, newer] });
    const short = target('3.0.0', [open('2.x'), risky('1.x', 'reindex')], { chain: [safe, newer] });

    expect(shortly(pathOf(to, '1.0.0', ['reindex']))).toBe('2.0.0 3.0.0');
    expect(shortly(pathOf(short, '1.0.0', ['reindex']))).toBe('3.0.0!');
    expect(shortly(pathOf(short, '1.0.0'))).toBe('2.0.0 3.0.0');
  });

  it('says which risk was accepted for which hop', () => {
    const to = target('2.0.0', [risky('1.x', 'reindex', 'the index is built anew')]);

    expect(pathOf(to, '1.0.0', ['reindex'])).toMatchObject({
      hops: [{ version: '2.0.0', risk: { name: 'reindex', reason: 'the index is built anew' } }],
    });
  });
});

describe('pre-releases', () => {
  const to = (version: string): PathTarget =>
    target(version, [open('>=2.0.0-rc.0 <3.0.0')], {
      chain: [entry('2.0.0-rc.1', [open('1.x')]), entry('2.0.0', [open('>=2.0.0-rc.0 <2.0.0')])],
    });

  it('are never a hop on the way', () => {
    expect(pathOf(to('3.0.0'), '1.0.0').path).toBe('none');
  });

  it('may be what a host is on', () => {
    expect(shortly(pathOf(to('3.0.0'), '2.0.0-rc.1'))).toBe('3.0.0');
  });

  it('may be the target, to which a release is higher', () => {
    expect(shortly(pathOf(to('3.0.0-rc.1'), '2.0.0'))).toBe('3.0.0-rc.1');
    expect(refusal(pathOf(to('3.0.0-rc.1'), '3.0.0'))).toContain('which is newer than sample 3.0.0-rc.1');
  });

  it('are in a range of their own numbers only if it names one', () => {
    expect(pathOf(target('2.0.0', [open('^1.0.0')]), '1.5.0-rc.1').path).toBe('none');
  });
});

describe('components that move one minor version at a time', () => {
  const etcd = (version: string): ChainEntry['components'] => ({ etcd: version });
  const of = (from: string, to: string, between: readonly ChainEntry[] = []): Path =>
    pathOf(
      target('3.0.0', [open('<3.0.0')], {
        chain: [entry('1.0.0', [], etcd(from)), ...between],
        components: etcd(to),
      }),
      '1.0.0',
    );

  it.each([
    ['3.4.0', '3.4.0', '3.0.0'],
    ['3.4.0', '3.5.9', '3.0.0'],
    ['3.4.0', '3.6.0', 'none'],
    ['3.4.0', '4.0.0', 'none'],
    ['3.5.0', '3.4.9', 'none'],
    ['3.5.9', '3.5.8', 'none'],
  ])('from %s to %s: %s', (from, to, expected) => {
    expect(shortly(of(from, to))).toBe(expected);
  });

  it('get there over a hop of their own', () => {
    expect(shortly(of('3.4.0', '3.6.0', [entry('2.0.0', [], etcd('3.5.0'))]))).toBe('2.0.0 3.0.0');
  });

  it('are named, with the way they would have gone, where there is no such hop', () => {
    expect(refusal(of('3.4.0', '3.6.0'))).toContain(
      'to 3.0.0: it would move etcd from 3.4.0 to 3.6.0, which goes up by one minor version at a time',
    );
  });

  it('are unknown at a version that is not in the chain, where the range decides', () => {
    const to = target('3.0.0', [open('<3.0.0')], { components: etcd('9.0.0') });

    expect(shortly(pathOf(to, '1.0.0'))).toBe('3.0.0');
  });
});

describe('a refusal', () => {
  it.each([
    ['a downgrade', release, '5.0.0', 'which is newer than sample 4.2.0; choose a newer release'],
    ['text that is no version', release, 'latest', 'which is no semantic version'],
    [
      'a blocked jump, with its reason and what is possible',
      target('4.2.0', [blocked('3.x', 'it loses the ledger'), open('>=4.0.0 <4.2.0')], { chain: chain.slice(0, 1) }),
      '3.0.0',
      'from where the way to sample 4.2.0 is blocked: to 4.2.0: it loses the ledger; choose another release; ' +
        'possible from there: 3.4.2; 4.2.0 is reached from >=4.0.0 <4.2.0',
    ],
    [
      'a risk that was not accepted, and how to accept it',
      target('4.2.0', [risky('3.x', 'reindex', 'reads are slow for an hour')]),
      '3.0.0',
      'from where sample 4.2.0 is reached at a risk only: reindex (reads are slow for an hour); ' +
        'accept it with --accept-risk reindex; nothing of its chain is possible from there',
    ],
    [
      'no path at all',
      release,
      '2.0.0',
      'from where no path leads to sample 4.2.0; upgrade to a version with a path first; ' +
        'nothing of its chain is possible from there; 4.2.0 is reached from >=4.1.1 <4.2.0, 3.4.2, 4.0.1, 4.1.1',
    ],
    [
      'no path, but a part of one',
      target('4.2.0', [open('>=4.1.1 <4.2.0')], { chain: chain.slice(0, 2) }),
      '3.4.2',
      'possible from there: 4.0.1; 4.2.0 is reached from >=4.1.1 <4.2.0',
    ],
  ] as const)('names %s', (...[, to, from, expected]) => {
    expect(refusal(pathOf(to, from))).toContain(expected);
  });

  it('names another product', () => {
    const path = createPathFinder(release, { versions, acceptRisks: [] })({
      ...{ name: 'other', version: '4.1.1', digest: digestOf('f') },
    });

    expect(refusal(path)).toContain('which is another product than sample 4.2.0');
  });

  it('of a path with more hops than an upgrade has says where to go first', () => {
    const steps = Array.from({ length: 20 }, (_, index) => entry(`1.${index + 1}.0`, [open(`1.${index}.x`)]));
    const to = target('2.0.0', [open('1.20.x')], { chain: steps });

    expect(refusal(pathOf(to, '1.0.0'))).toContain('21 hops away, and one upgrade has at most 16; upgrade to 1.16.0');
  });

  it('stays short however long the chain', () => {
    const steps = Array.from({ length: 64 }, (_, index) => entry(`1.${index + 1}.0`, [open(`1.${index}.x`)]));

    expect(refusal(pathOf(target('2.0.0', [open('9.x')], { chain: steps }), '1.0.0')).length).toBeLessThan(300);
  });
});

describe('whatever the graph of versions', () => {
  /** Graphs that it is tried with; fast-check prints the seed and the smallest case of one that fails. */
  const GRAPHS = { numRuns: 10_000 };
  const targetOf = ({ chain: entries, to }: Graph): PathTarget =>
    target(to.version, to.upgradesFrom, {
      components: to.components,
      chain: entries.map((one) => entry(one.version, one.upgradesFrom, one.components)),
    });

  it('the path is a shortest supported one, or the refusal is right', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const path = pathOf(targetOf(graph), graph.from, graph.acceptRisks);

        expect(refusal(path)).toMatch(expected(graph));
      }),
      GRAPHS,
    );
  });

  it('the same input gives the same answer, in whatever order the chain stands', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const [one, other] = [targetOf(graph), targetOf({ ...graph, chain: [...graph.chain].reverse() })];

        expect(pathOf(other, graph.from, graph.acceptRisks)).toEqual(pathOf(one, graph.from, graph.acceptRisks));
      }),
      RUNS,
    );
  });

  function expected(graph: Graph): RegExp {
    if (semver.valid(graph.from) === null) return /^which is no semantic version/;
    if (graph.from === graph.to.version) return /^there$/;
    if (semver.gt(graph.from, graph.to.version)) return /^which is newer/;
    const best = bestByForce(graph, new Set(graph.acceptRisks));
    if (best !== null) return new RegExp(`^${best}$`);
    if (bestByForce(graph, new Set(risks)) !== null) return /^from where .* at a risk only: .*--accept-risk r[12]/;
    return bestByForce(graph, 'any') === null ? /^from where no path leads/ : /^from where the way .* is blocked/;
  }
});

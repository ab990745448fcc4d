import fc from 'fast-check';
import semver from 'semver';
import type { JumpLimit } from '../../model/release.ts';

/** Names of risks in random graphs. */
export const risks = ['r1', 'r2'] as const;

const known = ['1.0.0', '1.1.0', '1.2.0', '2.0.0', '2.1.0-rc.1', '2.1.0', '2.2.0', '3.0.0', '3.1.0', '4.0.0'] as const;
const version = fc.constantFrom(...known);
/** Lists of versions, so that each jump is there or not by itself, and ranges as people write them. */
const range = fc.oneof(
  { weight: 3, arbitrary: fc.subarray([...known], { minLength: 1, maxLength: 3 }).map((some) => some.join(' || ')) },
  fc.constantFrom('1.x', '2.x', '3.x', '<2.0.0', '>=1.1.0 <3.0.0', '>=2.1.0-rc.0 <4.0.0'),
);
const limit: fc.Arbitrary<JumpLimit> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ limit: 'none' as const }) },
  fc.constant({ limit: 'blocked' as const, reason: 'no' }),
  fc.constantFrom(...risks).map((name) => ({ limit: 'risk' as const, name, reason: 'hm' })),
);
const components = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Readonly<Record<string, string>>>({}) },
  fc.constantFrom('3.4.0', '3.5.0', '3.6.0', '4.0.0').map((etcd): Readonly<Record<string, string>> => ({ etcd })),
);
const upgradesFrom = fc.oneof(
  { weight: 9, arbitrary: fc.array(fc.record({ range, limit }), { minLength: 1, maxLength: 3 }) },
  fc.constant<{ readonly range: string; readonly limit: JumpLimit }[]>([]),
);
const stop = fc.record({ version, upgradesFrom, components });

/** A target with up to nine earlier releases, and a version to begin at: known, unknown, or none at all. */
export const graphs = fc.record({
  chain: fc.uniqueArray(stop, { minLength: 2, maxLength: 9, selector: (one) => one.version }),
  /** The higher, the longer the ways to it. */
  to: fc.record({
    upgradesFrom,
    components,
    version: fc.oneof({ weight: 2, arbitrary: fc.constant('4.0.0' as const) }, version),
  }),
  from: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom('1.0.0', '1.1.0') },
    version,
    fc.constantFrom('0.9.0', '2.5.0', 'x'),
  ),
  acceptRisks: fc.subarray([...risks]),
});
type Valued<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Value> ? Value : never;
export type Graph = Valued<typeof graphs>;

type Node = Pick<Graph['to'], 'components'> & { readonly version: string };

/**
 * The best path as text, `2.0.0 3.0.0!` with a mark where a risk is accepted, by trying every rising sequence of
 * versions; null: there is none. `any`: whatever stands against a jump that is named.
 */
export function bestByForce({ chain, to, from }: Graph, accepted: ReadonlySet<string> | 'any'): string | null {
  const stops = chain
    .filter((one) => !one.version.includes('-') && semver.lt(one.version, to.version) && semver.gt(one.version, from))
    .sort((a, b) => semver.compare(a.version, b.version));
  const start = { version: from, components: chain.find((one) => one.version === from)?.components ?? {} };
  const found: (readonly string[])[] = [];
  for (let chosen = 0; chosen < 2 ** stops.length; chosen++) {
    const way = [...stops.filter((_, index) => (chosen >> index) % 2 === 1), to];
    const marks = way.map((next, index) => markOf(way[index - 1] ?? start, next, accepted));
    if (!marks.includes(null)) found.push(way.map((next, index) => `${next.version}${marks[index] ?? ''}`));
  }
  found.sort((a, b) => a.length - b.length || riskCount(a) - riskCount(b) || newestFirst(a, b));
  return found[0]?.join(' ') ?? null;
}

const riskCount = (path: readonly string[]): number => path.filter((mark) => mark.endsWith('!')).length;

function newestFirst(a: readonly string[], b: readonly string[]): number {
  const index = a.findIndex((mark, at) => mark !== b[at]);
  const plain = (mark = '0.0.0'): string => mark.replace('!', '');
  return index === -1 ? 0 : semver.rcompare(plain(a[index]), plain(b[index]));
}

/** Jumps of etcd that take more than one minor version, or go back. */
const tooFar = [
  '3.4>3.6',
  '3.4>4.0',
  '3.5>3.4',
  '3.5>4.0',
  '3.6>3.4',
  '3.6>3.5',
  '3.6>4.0',
  '4.0>3.4',
  '4.0>3.5',
  '4.0>3.6',
];

/** '' or, where a risk has to be accepted, '!'; null: not possible. */
function markOf(from: Node, to: Graph['to'], accepted: ReadonlySet<string> | 'any'): string | null {
  const limits = to.upgradesFrom.filter((one) => semver.satisfies(from.version, one.range)).map((one) => one.limit);
  if (accepted === 'any') return to.upgradesFrom.length === 0 || limits.length > 0 ? '' : null;
  const move = `${from.components['etcd']?.slice(0, 3) ?? ''}>${to.components['etcd']?.slice(0, 3) ?? ''}`;
  if (tooFar.includes(move)) return null;
  if (to.upgradesFrom.length === 0 || limits.some((one) => one.limit === 'none')) return '';
  return limits.some((one) => one.limit === 'risk' && accepted.has(one.name)) ? '!' : null;
}

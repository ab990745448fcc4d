import { describe, expect, it, test } from 'vitest';
import { versions } from '../../drivers/versions.ts';
import { parseDigest, parseHostId, type Digest } from '../../model/ids.ts';
import { createPathFinder } from '../../model/path.ts';
import { MAX_HOPS, plannedHosts, type Hop } from '../../model/plan.ts';
import { planHops, planTreeText, stopsOnPaths, type HostOnPath } from '../../model/plan-hops.ts';
import type { InstallStrategy } from '../../model/policy.ts';
import type { ReadRelease } from '../../model/registry.ts';
import type { ChainEntry, Release, SupportedJump } from '../../model/release.ts';
import {
  backup,
  digestOf,
  engineStep,
  hostWith,
  jumps,
  kernelStep,
  migration,
  release,
  releaseRef,
  service,
} from '../fakes/release.ts';

type Published = { readonly entry: ChainEntry; readonly read: ReadRelease };

function publish(version: string, upgradesFrom: readonly SupportedJump[], changes: Partial<Release> = {}): Published {
  const ref = releaseRef(version, `${published.length + 1}`);
  const read = {
    ...{ ref, agent: null, sizeBytes: 1_000, layers: [] },
    release: release({
      version,
      upgradesFrom,
      services: [service('web')],
      migrations: [migration('m')],
      backup,
      ...changes,
    }),
  };
  return { read, entry: { version, digest: ref.digest, upgradesFrom, components: {} } };
}

const published: Published[] = [];
for (const [version, range] of [
  ['3.4.2', '>=3.0.0 <3.4.2'],
  ['4.0.1', '>=3.4.2 <4.0.1'],
  ['4.1.1', '>=4.0.1 <4.1.1'],
] as const) {
  published.push(publish(version, jumps(range)));
}
const chain = published.map(({ entry }) => entry);
const target = publish('4.2.0', jumps('>=4.1.1 <4.2.0'), { chain }).read;
const releases = new Map<Digest, ReadRelease>(
  [...published.map(({ read }) => read), target].map((read) => [read.ref.digest, read]),
);
const digestAt = (version: string): Digest =>
  [...releases.values()].find(({ ref }) => ref.version === version)?.ref.digest ?? digestOf('f');

/** A fleet of hosts on these versions, host-1 the first. */
function onPaths(
  installed: readonly (string | null)[],
  to = target,
  acceptRisks: readonly string[] = [],
): HostOnPath[] {
  const findPath = createPathFinder({ ...to.release, digest: to.ref.digest }, { versions, acceptRisks });
  return installed.map((version, index) => {
    const on = version === null ? null : { name: 'sample', version, digest: digestAt(version) };
    const name = parseHostId(`host-${index + 1}`);
    return { name, installed: on, isThere: on?.digest === to.ref.digest, path: findPath(on) };
  });
}

type Planning = { readonly install?: InstallStrategy; readonly to?: ReadRelease; readonly known?: typeof releases };

const planOf = (installed: readonly (string | null)[], planning: Planning = {}): readonly Hop[] =>
  planOfHosts(onPaths(installed, planning.to), planning);

function planOfHosts(
  hosts: readonly HostOnPath[],
  { install = { strategy: 'serial' }, to = target, known = releases }: Planning,
): readonly Hop[] {
  const stops = stopsOnPaths(hosts, to.ref, versions);
  return planHops({ hosts, stops, releases: known, imageSizes: new Map(), install, carriers: new Set() });
}

/** `4.0.1: host-1 (3.4.2)`, with what is shared in brackets where it goes too. */
const shortly = (hops: readonly Hop[]): readonly string[] =>
  hops.map((hop) => {
    const hosts = hop.waves.flatMap((wave) => wave.hosts).map(({ name, from }) => `${name} (${from ?? 'nothing'})`);
    const there = hop.alreadyThere.map(({ name }) => `${name} there`);
    const shared = hop.services.length > 0 && hop.migrations.length > 0 && hop.hasBackup ? ' [shared]' : '';
    return `${hop.to}: ${[...hosts, ...there].join(', ')}${shared}`;
  });

describe('the hops of a fleet', () => {
  it('are the path of its hosts', () => {
    expect(shortly(planOf(['3.4.2', '3.4.2']))).toEqual([
      '4.0.1: host-1 (3.4.2), host-2 (3.4.2) [shared]',
      '4.1.1: host-1 (4.0.1), host-2 (4.0.1) [shared]',
      '4.2.0: host-1 (4.1.1), host-2 (4.1.1) [shared]',
    ]);
  });

  it('have hosts at different versions join later and end together, and leave alone what is shared until all are level', () => {
    expect(shortly(planOf(['4.0.1', '3.4.2', '4.2.0', null]))).toEqual([
      '4.0.1: host-2 (3.4.2)',
      '4.1.1: host-1 (4.0.1), host-2 (4.0.1)',
      '4.2.0: host-1 (4.1.1), host-2 (4.1.1), host-4 (nothing), host-3 there [shared]',
    ]);
  });

  it('take what is shared along where a host is there, but none beyond', () => {
    expect(shortly(planOf(['4.0.1', '3.4.2']))[0]).toBe('4.0.1: host-2 (3.4.2) [shared]');
  });

  it('are one, of the target, where nobody has to move', () => {
    expect(shortly(planOf(['4.2.0', '4.2.0']))).toEqual(['4.2.0: host-1 there, host-2 there [shared]']);
    expect(shortly(planOf([]))).toEqual(['4.2.0:  [shared]']);
  });

  it('are one for hosts without a release, which get the target at once', () => {
    expect(shortly(planOf([null]))).toEqual(['4.2.0: host-1 (nothing) [shared]']);
  });

  it('have a host that can get nowhere in the last one, so that the plan names it', () => {
    expect(shortly(planOf(['5.0.0']))).toEqual(['4.2.0: host-1 (5.0.0) [shared]']);
  });

  it('leave out a release that could not be read', () => {
    const known = new Map([...releases].filter(([, { ref }]) => ref.version !== '4.1.1'));

    expect(planOf(['3.4.2'], { known }).map(({ to }) => to)).toEqual(['4.0.1', '4.2.0']);
  });

  it('have waves of their own', () => {
    const install: InstallStrategy = { strategy: 'waves', sizes: [{ hosts: 1 }, { hosts: 2 }], maxUnavailable: null };

    const sizes = planOf(['4.1.1', '3.4.2', '4.1.1'], { install }).map(({ waves }) =>
      waves.map(({ hosts }) => hosts.length),
    );

    expect(sizes).toEqual([[1], [1], [1, 2]]);
  });

  it('name the risks that were accepted for them', () => {
    const limit = { limit: 'risk', name: 'reindex', reason: 'slow' } as const;
    const to = { ...target, release: release({ version: '4.2.0', upgradesFrom: [{ range: '3.x', limit }] }) };
    const stops = stopsOnPaths(onPaths(['3.4.2', '3.5.0', '4.2.0'], to, ['reindex']), to.ref, versions);

    expect(stops.map(({ risks }) => risks)).toEqual([[{ name: 'reindex', reason: 'slow' }]]);
  });

  it('are never more than an upgrade has', () => {
    const steps = [1, 3].flatMap((major) => Array.from({ length: 20 }, (_, index) => ({ major, minor: index + 1 })));
    const entries = steps.map(({ major, minor }, index) => ({
      ...{ version: `${major}.${minor}.0`, upgradesFrom: jumps(`${major}.${minor - 1}.x`), components: {} },
      digest: parseDigest(`sha256:${index.toString().padStart(64, '0')}`),
    }));
    const upgradesFrom = jumps('1.20.x', '3.20.x');
    const to = { ...target, release: release({ version: '4.2.0', upgradesFrom, chain: entries }) };
    const known = new Map(releases);
    for (const { version, digest } of entries)
      known.set(digest, { ...target, ref: { ...target.ref, version, digest } });

    const hops = planOf(['1.5.0', '3.10.0'], { to, known });

    expect(hops).toHaveLength(MAX_HOPS);
    expect(hops.at(-1)?.to).toBe('4.2.0');
  });
});

describe('kernels and engines in a plan', () => {
  /** Two hops: the first brings a kernel and an engine, the second another kernel. */
  const brought = new Map(
    [...releases].map(([digest, read]): [Digest, ReadRelease] => {
      if (read.ref.version === '4.1.1') {
        const steps = hostWith(kernelStep('6.2'), engineStep({ containerd: '2', 'docker.io': '25' }));
        return [digest, { ...read, release: { ...read.release, ...steps } }];
      }
      return [
        digest,
        read === target ? { ...read, release: { ...read.release, ...hostWith(kernelStep('6.3')) } } : read,
      ];
    }),
  );
  const plan = (has: Pick<HostOnPath, 'kernel' | 'engine'>, known: typeof releases = brought): readonly Hop[] =>
    planOfHosts(
      onPaths(['4.0.1']).map((host) => ({ ...host, ...has })),
      { known },
    );
  const hostsOf = (hops: readonly Hop[]): readonly unknown[] =>
    hops.map((hop) => hop.waves.flatMap(({ hosts }) => hosts));

  it('are what each step brings', () => {
    expect(plan({}).map(({ steps }) => steps.map(({ to }) => to))).toEqual([
      [{ kernel: '6.2' }, { engine: { containerd: '2', 'docker.io': '25' } }],
      [{ kernel: '6.3' }],
    ]);
  });

  it('begin with what a host has, and go on with what the hop before brings', () => {
    expect(hostsOf(plan({ kernel: '6.1', engine: 'docker.io 24' }))).toEqual([
      [{ name: 'host-1', from: '4.0.1', kernel: '6.1', engine: 'docker.io 24' }],
      [{ name: 'host-1', from: '4.1.1', kernel: '6.2' }],
    ]);
  });

  it('are left out where a host can’t say what it has, until a hop has brought it', () => {
    expect(hostsOf(plan({}))).toEqual([
      [{ name: 'host-1', from: '4.0.1' }],
      [{ name: 'host-1', from: '4.1.1', kernel: '6.2' }],
    ]);
  });

  it('are none where no step changes them', () => {
    expect(hostsOf(plan({ kernel: '6.1', engine: 'docker.io 24' }, releases))[0]).toEqual([
      { name: 'host-1', from: '4.0.1' },
    ]);
  });

  it('change nothing of the text that names what is done', () => {
    expect(planTreeText(plan({ kernel: '6.1', engine: 'docker.io 24' }))).toBe(planTreeText(plan({})));
  });
});

describe('the text of a tree', () => {
  it('is the same for the same fleet, whatever images weigh', () => {
    const [hop] = planOf(['4.1.1']);
    if (hop === undefined) throw new Error('a plan has a hop');
    const weighed = { ...hop, downloadBytes: 7, images: hop.images.map((one) => ({ ...one, sizeBytes: 7 })) };

    expect(planTreeText([weighed])).toBe(planTreeText([hop]));
  });

  it.each([
    ['a host is on another version', ['3.4.2', '4.0.1']],
    ['a host is there already', ['3.4.2', '4.2.0']],
    ['a host is new', ['3.4.2', '3.4.2', '3.4.2']],
    ['a host is gone', ['3.4.2']],
  ])('is another when %s', (_what, installed) => {
    expect(planTreeText(planOf(installed))).not.toBe(planTreeText(planOf(['3.4.2', '3.4.2'])));
  });

  it('is another when hosts go in another way', () => {
    const chained = planOf(['3.4.2'], { install: { strategy: 'daisy-chain' } });

    expect(planTreeText(chained)).not.toBe(planTreeText(planOf(['3.4.2'])));
  });
});

test('10,000 hosts on four versions are planned quickly', () => {
  const kinds = ['3.4.2', '4.0.1', '4.1.1', '3.2.0'];
  const installed = Array.from({ length: 10_000 }, (_, index) => kinds[index % kinds.length] ?? null);
  const begin = performance.now();

  const hops = planOf(installed);
  const text = planTreeText(hops);

  const ms = Math.round(performance.now() - begin);
  console.log(
    `planned ${installed.length} hosts in ${hops.length} hops in ${ms} ms; its text has ${text.length} characters`,
  );
  expect(hops.map((hop) => plannedHosts(hop).length)).toEqual([2_500, 5_000, 7_500, 10_000]);
  // A busy machine takes ten times as long as an idle one.
  expect(ms).toBeLessThan(5_000);
});

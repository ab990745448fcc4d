import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostFacts, Order, Report } from '../../model/bus.ts';
import { parseHostId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import { MAX_HOST_HOPS } from '../../model/plan.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { error } from '../../model/finding.ts';
import type { Path } from '../../model/path.ts';
import { isAlreadyThere, type FleetReading, type HostWithPath } from '../../model/preflight.ts';
import { judgePreflight } from '../../model/preflight-findings.ts';
import type { ReadRelease } from '../../model/registry.ts';
import type { Release } from '../../model/release.ts';
import { hostFacts } from '../fakes/host-facts.ts';
import { digestOf, engineStep, hostWith, kernelStep, release, releaseRef, service } from '../fakes/release.ts';

const host = (changes: Partial<HostWithPath> = {}): HostWithPath => ({
  ...{ host: parseHostId('host-1'), engineProblem: null, facts: hostFacts(), factsProblem: null, clockSkewMs: 0 },
  ...{ order: null, report: null, busProblems: [], path: { path: 'new' } },
  ...changes,
});

const named = { v: 1, upgrade: parseUpgradeId('site-1'), action: 'install', epoch: 1, sequence: 1 } as const;
const orderOf = (changes: Partial<Order>): Order => ({
  ...{ ...named, hop: 0, release: releaseRef(), step: null, service: null, edited: null, start: 'now', deadlineMs: 1 },
  ...changes,
});
const reportOf = (changes: Partial<Report>): Report => ({
  ...{ ...named, phase: 'done', refused: null, step: null, error: null, bootId: '', agent: '1.0.0', installed: null },
  ...{ measured: {}, probe: null, startedAt: 1, finishedAt: 2, changedAt: 2 },
  ...changes,
});

const read = (changes: Partial<Release> = {}, sizeBytes = 1024 ** 2): ReadRelease => ({
  ...{ ref: releaseRef(), release: release(changes), agent: null, sizeBytes, layers: [] },
});

/** The release on the way to it. */
const earlier = (changes: Partial<Release> = {}, sizeBytes = 1024 ** 2): ReadRelease => ({
  ...read({ version: '1.5.0', ...changes }, sizeBytes),
  ref: releaseRef('1.5.0', 'e'),
});

const fleet = (changes: Partial<FleetReading> & { readonly release?: Release } = {}): FleetReading => {
  const target = changes.target ?? { ...read(), ...(changes.release !== undefined && { release: changes.release }) };
  return {
    ...{ fleet: 'lab', target, policy: defaultPolicy, releases: [target], hopCount: 1, chainProblems: [] },
    ...{ hosts: [host()], etcd: { members: 3, unhealthy: [] }, missingImages: [] },
    ...changes,
  };
};

const twoHops: Path = {
  path: 'hops',
  hops: [
    { version: '1.5.0', digest: digestOf('e'), risk: null },
    { version: '2.0.0', digest: releaseRef().digest, risk: null },
  ],
};

/** A fleet of one host that gets there over 1.5.0. */
const overEarlier = (way: ReadRelease, one: HostWithPath['facts'], target = read()): Partial<FleetReading> => ({
  ...{ target, releases: [way, target], hopCount: 2, hosts: [host({ facts: one, path: twoHops })] },
});

const packages = (architecture: string): Release =>
  release({
    host: {
      ...release().host,
      steps: [
        {
          ...{ id: parseStepId('packages'), type: 'packages', format: 'deb' },
          packages: [{ file: 'packages/daemon.deb', name: 'daemon', version: '2.0.0', architecture }],
        },
      ],
    },
  });

const reading = (state: HostWithPath['facts']): HostWithPath => host({ facts: state });

describe('what preflight says', () => {
  const old = { name: 'sample', version: '1.0.0', digest: digestOf('a') };
  const kept = (restorable: boolean): HostFacts['packages'] => ({ daemon: { version: '1.0', restorable } });
  const daemon = (version: string, restorable: boolean): HostWithPath =>
    reading(hostFacts({ packages: { daemon: { version, restorable } } }));
  const bootLoader = { name: 'grub', problem: null };
  const withKernel = (loader: HostFacts['bootLoader']): Partial<FleetReading> & { release: Release } => ({
    release: release(hostWith(kernelStep('6.2'))),
    hosts: [reading(hostFacts({ bootLoader: loader }))],
  });
  const cases: readonly [title: string, changes: Parameters<typeof fleet>[0], severity: string | null, what: RegExp][] =
    [
      ['all is well', {}, null, /./],
      ['one etcd member of three away', { etcd: { members: 3, unhealthy: ['b'] } }, 'error', /1 of 3 .* one more/],
      ['one etcd member of five away', { etcd: { members: 5, unhealthy: ['b'] } }, 'warning', /1 of 5/],
      ['etcd of one member', { etcd: { members: 1, unhealthy: [] } }, null, /./],
      ['engine away', { hosts: [host({ engineProblem: 'no answer', facts: null })] }, 'error', /no answer/],
      ['facts unreadable', { hosts: [host({ facts: null, factsProblem: 'bad' })] }, 'error', /bad/],
      ['disk too small', { hosts: [reading(hostFacts({ diskFreeBytes: 1024 ** 2 }))] }, 'error', /1 MiB free/],
      ['a kernel, on a host that falls back', withKernel({ name: 'grub', problem: null }), null, /./],
      ['a kernel, on one that can’t', withKernel({ name: 'grub', problem: 'no grubenv' }), 'error', /no grubenv/],
      ['a kernel, on one that can’t say', withKernel(null), 'warning', /can't say/],
      [
        'kernels in both hops, on one that can’t',
        overEarlier(
          earlier(hostWith(kernelStep('6.2'))),
          hostFacts({ bootLoader: { name: null, problem: 'no boot loader' } }),
          read(hostWith(kernelStep('6.3'))),
        ),
        'error',
        /^sample 1.5.0 brings kernel 6.2, .*: no boot loader$/,
      ],
      [
        'a kernel’s package over another of its name',
        {
          release: release(hostWith(kernelStep('6.2', { name: 'linux-image', version: '2' }))),
          hosts: [reading(hostFacts({ bootLoader, packages: { 'linux-image': { version: '1', restorable: true } } }))],
        },
        'error',
        /^package linux-image 1 is installed, and 2 of sample 2.0.0 would overwrite it/,
      ],
      [
        'a kernel’s package that is there already',
        {
          release: release(hostWith(kernelStep('6.2'))),
          hosts: [
            reading(hostFacts({ bootLoader, packages: { 'linux-image-6.2': { version: '1', restorable: false } } })),
          ],
        },
        null,
        /./,
      ],
      [
        'a kernel of another architecture',
        {
          release: release(hostWith(kernelStep('6.2', { architecture: 'arm64' }))),
          hosts: [reading(hostFacts({ bootLoader }))],
        },
        'error',
        /is x86_64; .* arm64/,
      ],
      [
        'an engine without a way back',
        {
          release: release(hostWith(engineStep({ 'docker.io': '25' }))),
          hosts: [reading(hostFacts({ packages: { 'docker.io': { version: '24', restorable: false } } }))],
        },
        'error',
        /^package docker.io 24 is installed, but its file is not kept/,
      ],
      ['clock ahead', { hosts: [host({ clockSkewMs: 40_000 })] }, 'warning', /40 s ahead/],
      ['clock behind', { hosts: [host({ clockSkewMs: -40_000 })] }, 'warning', /40 s behind/],
      ['clock a little off', { hosts: [host({ clockSkewMs: 20_000 })] }, null, /./],
      ['stuck', { hosts: [reading(hostFacts({ phase: 'stuck' }))] }, 'error', /is stuck/],
      ['another at work', { hosts: [reading(hostFacts({ phase: 'installing' }))] }, 'error', /is at work/],
      [
        'no path',
        {
          hosts: [
            host({
              path: { path: 'none', because: 'from where …', remedy: 'go' },
              facts: hostFacts({ installed: old }),
            }),
          ],
        },
        'error',
        /^is on sample 1.0.0, from where …$/,
      ],
      [
        'an earlier release that is gone',
        { chainProblems: [error(null, '1.5.0 is gone', 'push it')] },
        'error',
        /is gone/,
      ],
      [
        'more hosts and hops than a history holds',
        { hopCount: 16, hosts: Array.from({ length: MAX_HOST_HOPS / 16 + 1 }, () => host({ facts: hostFacts() })) },
        'error',
        /6251 hosts over 16 hops are more than the history of one upgrade holds/,
      ],
      ['more hops than an upgrade has', { hopCount: 17 }, 'error', /need 17 releases on their way, .* at most 16 hops/],
      [
        'an image that is missing on the way',
        {
          ...overEarlier(earlier({ services: [service('web', 'r/web@sha256:1')] }), hostFacts()),
          missingImages: [{ image: 'r/web@sha256:1', problem: 'gone' }],
        },
        'error',
        /image r\/web@sha256:1 of sample 1.5.0 can't be pulled: gone/,
      ],
      [
        'a disk that is too small for the largest hop',
        overEarlier(earlier({}, 1024 ** 3), hostFacts({ diskFreeBytes: 1024 ** 3 })),
        'error',
        /^1024 MiB free, sample 1.5.0 needs 3328 MiB/,
      ],
      [
        'a package without a way back in the first hop',
        overEarlier(earlier({ host: packages('all').host }), hostFacts({ packages: kept(false) })),
        'error',
        /no way back/,
      ],
      [
        'a package of a later hop, which the hop before keeps',
        overEarlier(earlier(), hostFacts({ packages: kept(false) }), read({ host: packages('all').host })),
        null,
        /./,
      ],
      [
        'what is not as the last upgrade left it',
        { hosts: [reading(hostFacts({ drift: ['/etc/a differs', 'package b is gone'] }))] },
        'warning',
        /^no longer is as the last upgrade left it: \/etc\/a differs; package b is gone$/,
      ],
      ['packages of this architecture', { release: packages('amd64') }, null, /./],
      ['packages for every architecture', { release: packages('all') }, null, /./],
      ['packages of another architecture', { release: packages('arm64') }, 'error', /is x86_64; .* arm64/],
      [
        'package without a way back',
        { release: packages('all'), hosts: [daemon('1.0', false)] },
        'error',
        /no way back/,
      ],
      ['package with a way back', { release: packages('all'), hosts: [daemon('1.0', true)] }, null, /./],
      ['package that is there', { release: packages('all'), hosts: [daemon('2.0.0', false)] }, null, /./],
      [
        'unreadable value on the bus',
        { hosts: [host({ busProblems: ['unreadable order'] })] },
        'warning',
        /unreadable/,
      ],
    ];

  it.each(cases)('%s', (...[, changes, severity, what]) => {
    const findings = judgePreflight(fleet(changes));

    expect(findings.map((finding) => finding.severity)).toEqual(severity === null ? [] : [severity]);
    for (const finding of findings) {
      expect(finding.what).toMatch(what);
      expect(finding.remedy).not.toBe('');
    }
  });
});

describe('whatever the hosts are like', () => {
  const anyReading = fc.record({
    engineProblem: fc.constantFrom(null, 'no answer'),
    factsProblem: fc.constantFrom(null, 'unreadable'),
    hasFacts: fc.boolean(),
    diskFreeBytes: fc.integer({ min: 0, max: 2 ** 32 }),
    clockSkewMs: fc.integer({ min: -100_000, max: 100_000 }),
    phase: fc.constantFrom('idle', 'installing', 'done', 'stuck', 'reverted'),
    path: fc.constantFrom<Path>({ path: 'new' }, { path: 'there' }, twoHops),
    isThere: fc.boolean(),
  });
  const toReading = (one: typeof anyReading extends fc.Arbitrary<infer Value> ? Value : never, index: number) =>
    host({
      host: parseHostId(`host-${index + 1}`),
      ...{ engineProblem: one.engineProblem, clockSkewMs: one.clockSkewMs, path: one.path },
      factsProblem: one.hasFacts ? null : one.factsProblem,
      facts: !one.hasFacts
        ? null
        : hostFacts({
            ...{ diskFreeBytes: one.diskFreeBytes, phase: one.phase },
            installed: one.isThere ? { name: 'sample', version: '2.0.0', digest: releaseRef().digest } : null,
          }),
    });

  it('a host that could not be read is never passed over, and one that is stuck is never there already', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { maxLength: 8 }), (ones) => {
        const hosts = ones.map(toReading);
        const failed = new Set(
          judgePreflight(fleet({ hosts }))
            .filter(({ severity }) => severity === 'error')
            .map((finding) => finding.host),
        );
        for (const one of hosts) {
          if (one.facts === null || one.engineProblem !== null) expect(failed).toContain(one.host);
          if (isAlreadyThere(one, releaseRef())) expect(one.facts?.phase).not.toBe('stuck');
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('a release that facts name is there only where an agent gave them, and no order above its report stands', () => {
    const { name, version, digest } = releaseRef();
    const installed = { name, version, digest };
    const there = hostFacts({ installed, agent: '1.0.0', phase: 'done' });
    const local = reportOf({ epoch: 4, sequence: 0, installed });
    const order = orderOf({ epoch: 3, sequence: 2 });
    const behind = { ...local, epoch: 3, sequence: 1 };

    expect(isAlreadyThere(host({ facts: there, order, report: local }), releaseRef())).toBe(true);
    expect(isAlreadyThere(host({ facts: there, order, report: behind }), releaseRef())).toBe(false);
    expect(isAlreadyThere(host({ facts: { ...there, agent: null }, report: local }), releaseRef())).toBe(false);
  });

  it('findings of one host do not depend on the others', () => {
    fc.assert(
      fc.property(fc.array(anyReading, { minLength: 1, maxLength: 6 }), (ones) => {
        const hosts = ones.map(toReading);
        const alone = hosts.flatMap((one) => judgePreflight(fleet({ hosts: [one] })));
        expect(judgePreflight(fleet({ hosts }))).toEqual(alone);
      }),
      { numRuns: 1_000 },
    );
  });
});

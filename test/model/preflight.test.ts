import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../model/bus.ts';
import { parseHostId, parseStepId } from '../../model/ids.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { isAlreadyThere, judgePreflight, type FleetReading, type HostReading } from '../../model/preflight.ts';
import { digestOf, release, releaseRef } from '../fakes/release.ts';

const facts = (changes: Partial<HostFacts> = {}): HostFacts => ({
  ...{ diskFreeBytes: 10 * 1024 ** 3, diskTotalBytes: 20 * 1024 ** 3, kernel: '6.1.0', architecture: 'x86_64' },
  ...{ clockMs: 0, installed: null, agent: null, phase: 'idle', packages: {} },
  ...changes,
});

const host = (changes: Partial<HostReading> = {}): HostReading => ({
  ...{ host: parseHostId('host-1'), engineProblem: null, facts: facts(), factsProblem: null, clockSkewMs: 0 },
  ...{ order: null, report: null, busProblems: [], jump: 'none' },
  ...changes,
});

const fleet = (changes: Partial<FleetReading> = {}): FleetReading => ({
  ...{ fleet: 'lab', release: release(), ref: releaseRef(), policy: defaultPolicy, downloadBytes: 1024 ** 2 },
  ...{ hosts: [host()], etcd: { members: 3, unhealthy: [] }, missingImages: [] },
  ...changes,
});

const packages = (architecture: string) =>
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

const reading = (state: HostReading['facts']): HostReading => host({ facts: state });

describe('what preflight says', () => {
  const old = { name: 'sample', version: '1.0.0', digest: digestOf('a') };
  const daemon = (version: string, restorable: boolean): HostReading =>
    reading(facts({ packages: { daemon: { version, restorable } } }));
  const cases: readonly [title: string, changes: Partial<FleetReading>, severity: string | null, what: RegExp][] = [
    ['all is well', {}, null, /./],
    ['one etcd member of three away', { etcd: { members: 3, unhealthy: ['b'] } }, 'error', /1 of 3 .* one more/],
    ['one etcd member of five away', { etcd: { members: 5, unhealthy: ['b'] } }, 'warning', /1 of 5/],
    ['etcd of one member', { etcd: { members: 1, unhealthy: [] } }, null, /./],
    ['engine away', { hosts: [host({ engineProblem: 'no answer', facts: null })] }, 'error', /no answer/],
    ['facts unreadable', { hosts: [host({ facts: null, factsProblem: 'bad' })] }, 'error', /bad/],
    ['disk too small', { hosts: [reading(facts({ diskFreeBytes: 1024 ** 2 }))] }, 'error', /1 MiB free/],
    ['clock ahead', { hosts: [host({ clockSkewMs: 40_000 })] }, 'warning', /40 s ahead/],
    ['clock behind', { hosts: [host({ clockSkewMs: -40_000 })] }, 'warning', /40 s behind/],
    ['clock a little off', { hosts: [host({ clockSkewMs: 20_000 })] }, null, /./],
    ['stuck', { hosts: [reading(facts({ phase: 'stuck' }))] }, 'error', /is stuck/],
    ['another at work', { hosts: [reading(facts({ phase: 'installing' }))] }, 'error', /is at work/],
    ['downgrade', { hosts: [host({ jump: 'downgrade', facts: facts({ installed: old }) })] }, 'error', /newer/],
    [
      'no supported jump',
      { hosts: [host({ jump: 'unsupported', facts: facts({ installed: old }) })] },
      'error',
      /over/,
    ],
    ['another product', { hosts: [reading(facts({ installed: { ...old, name: 'x' } }))] }, 'error', /another product/],
    ['packages of this architecture', { release: packages('amd64') }, null, /./],
    ['packages for every architecture', { release: packages('all') }, null, /./],
    ['packages of another architecture', { release: packages('arm64') }, 'error', /is x86_64; .* arm64/],
    ['package without a way back', { release: packages('all'), hosts: [daemon('1.0', false)] }, 'error', /no way back/],
    ['package with a way back', { release: packages('all'), hosts: [daemon('1.0', true)] }, null, /./],
    ['package that is there', { release: packages('all'), hosts: [daemon('2.0.0', false)] }, null, /./],
    ['unreadable value on the bus', { hosts: [host({ busProblems: ['unreadable order'] })] }, 'warning', /unreadable/],
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
    jump: fc.constantFrom('none', 'same', 'supported', 'unsupported', 'downgrade'),
    isThere: fc.boolean(),
  });
  const toReading = (one: typeof anyReading extends fc.Arbitrary<infer Value> ? Value : never, index: number) =>
    host({
      host: parseHostId(`host-${index + 1}`),
      ...{ engineProblem: one.engineProblem, clockSkewMs: one.clockSkewMs, jump: one.jump },
      factsProblem: one.hasFacts ? null : one.factsProblem,
      facts: !one.hasFacts
        ? null
        : facts({
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

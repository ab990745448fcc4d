import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { encodeRelease, parseRelease } from '../../drivers/release/release-json.ts';
import { sha256 } from '../../drivers/oci/blob.ts';
import type { Release, SupportedJump } from '../../model/release.ts';
import { backup, chainEntry, jumps, migration, release } from '../fakes/release.ts';
import { RUNS } from '../model/runs.ts';
import { readFields } from './jump-manifest.ts';

const blocked: SupportedJump = { range: '<3.0.0', limit: { limit: 'blocked', reason: 'no' } };
const risky: SupportedJump = { range: '3.x', limit: { limit: 'risk', name: 'data-loss', reason: 'sessions go' } };

describe('release.json of before releases knew their way', () => {
  test('says so by the absence of what came later, and its ranges are open', () => {
    const text = JSON.stringify({ ...old, upgradesFrom: ['^1.0.0', '2.x'] });

    const read = parseRelease(text);

    expect(read).toMatchObject({ chain: [], components: {}, migrations: [], backup: null });
    expect(read.upgradesFrom).toEqual(jumps('^1.0.0', '2.x'));
    expect(read.host.steps[0]).toMatchObject({ files: [{ ifEdited: 'replace' }] });
  });

  test('is the text, and so has the digest, that a release without any of it has now', () => {
    const before = JSON.stringify(old, null, 1);

    const written = encodeRelease(parseRelease(before));

    expect(written).toBe(`${before}\n`);
    expect(sha256(written)).toBe(sha256(`${before}\n`));
  });

  test('is what a release.yaml that says no more is still built to', async () => {
    const text = encodeRelease(await readFields({ chain: [], upgradesFrom: ['>=4.0.0 <4.2.0'] }));

    const fields = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    expect(Object.keys(fields)).toEqual(Object.keys(old));
    expect(fields.upgradesFrom).toEqual(['>=4.0.0 <4.2.0']);
  });
});

describe('release.json of a release that knows its way', () => {
  test('reads back as what was written, whatever of it there is', () => {
    fc.assert(
      fc.property(ways, (changes) => {
        const written = release(changes);

        expect(parseRelease(encodeRelease(written))).toEqual(written);
      }),
      RUNS,
    );
  });

  test('keeps the upgrader that an author named', async () => {
    const image = `registry.lab:5000/refit@sha256:${'a'.repeat(64)}`;
    const read = await readFields({ upgrader: { image: image.replace('@', ':1.0.0@') } });

    expect(read.upgrader).toEqual({ image });
    expect(parseRelease(encodeRelease(read)).upgrader).toEqual({ image });
  });

  test('keeps what an author wrote of an edited file', () => {
    const files = [{ from: 'a', to: '/etc/a', mode: '0644', owner: 'root', group: 'root' }];
    const steps = [{ id: 'a', type: 'files', files: files.map((file) => ({ ...file, ifEdited: 'ask' })) }];

    const read = parseRelease(JSON.stringify({ ...old, host: { ...old.host, steps } }));

    expect(parseRelease(encodeRelease(read)).host.steps).toEqual(steps);
  });

  test.each([
    ['a limit that is unknown', 'upgradesFrom.0', { upgradesFrom: [{ range: '3.x', limit: { limit: 'later' } }] }],
    ['an entry without a digest', 'chain.0.digest', { chain: [{ version: '1.0.0', upgradesFrom: [] }] }],
    ['a digest that is none', 'chain.0.digest', { chain: [{ ...chainEntry('1.0.0'), digest: '../etc' }] }],
    ['a place that is no name', 'migrations.0.beside', { migrations: [{ ...migration('a'), beside: '../db' }] }],
    ['a migration without a check', 'migrations.0.check', { migrations: [{ ...migration('a'), check: [] }] }],
    ['a backup that is not verified', 'backup.verify', { backup: { ...backup, verify: null } }],
  ])('is refused with %s', (_what, field, changes) => {
    expect(() => parseRelease(JSON.stringify({ ...release(), ...changes }))).toThrow(field);
  });
});

/** As refit wrote it: fields in alphabetical order. */
const old = {
  contents: [],
  fleets: [],
  host: {
    deadlineMs: 1,
    diskFreeBytes: 0,
    health: { deadlineMs: 1, minHealthyTimeMs: 0, probes: [] },
    steps: [
      {
        files: [{ from: 'a', group: 'root', mode: '0644', owner: 'root', to: '/etc/a' }],
        id: 'config',
        type: 'files',
      },
    ],
  },
  name: 'sample',
  schema: 1,
  services: [],
  upgradesFrom: ['^1.0.0'],
  version: '2.0.0',
};

const jumpLists = fc.subarray([...jumps('3.4.x', '>=3.5.0 <4.0.0'), blocked, risky]);
const components = fc.constantFrom<Release['components']>({}, { etcd: '3.5.9' }, { etcd: '3.6.0', dns: '1.0.0' });
const ways = fc.record({
  upgradesFrom: jumpLists,
  components,
  chain: fc.array(
    fc.record({ upgradesFrom: jumpLists, components }).map((fields) => ({ ...chainEntry('1.0.0'), ...fields })),
    { maxLength: 3 },
  ),
  migrations: fc.subarray([
    migration('add'),
    migration('drop', { when: 'contract', down: null, entrypoint: ['sh'], env: { A: 'b' } }),
    migration('index', { compatible: true, volumes: ['/etc/shop/password:/password:ro'] }),
  ]),
  backup: fc.constantFrom(null, backup),
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeRelease, parseRelease } from '../../drivers/release/release-json.ts';
import { toUnit } from '../../drivers/release/to-unit.ts';
import { Unit } from '../../drivers/release/unit-schema.ts';
import type { Release } from '../../model/release.ts';
import { MAX_UNIT_MEMBERS, type UnitRelease } from '../../model/unit.ts';
import { release } from '../fakes/release.ts';
import { RUNS } from '../model/runs.ts';
import { IMAGE, readUnit } from './unit-manifest.ts';

describe('units in release.json', () => {
  test('read back as what was written, whatever unit the schema accepts', () => {
    fc.assert(
      fc.property(units, (unit) => {
        const written = withUnit(toUnit(Unit.parse(unit)));

        expect(parseRelease(encodeRelease(written))).toEqual(written);
      }),
      RUNS,
    );
  });

  test.each([
    ['a slot’s ports', 'units.0.services.0.port', { port: { inside: 80, blue: 1 } }],
    ['a name', 'units.0.services.0.name', { name: '../web' }],
    ['the program of a command', 'units.0.services.0.entrypoint', { entrypoint: [] }],
  ])('are refused without %s', async (_what, field, fields) => {
    const unit = await readUnit({});
    const services = unit.services.map((service) => ({ ...service, ...fields }));
    const text = JSON.stringify({ ...release(), units: [{ ...unit, services }] });

    expect(() => parseRelease(text)).toThrow(field);
  });
});

const withUnit = (unit: UnitRelease): Release => release({ units: [unit] });

const names = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/);
const texts = fc.string({ maxLength: 20 });
const commands = fc.array(texts, { minLength: 1, maxLength: 4 });
const durations = fc.tuple(fc.nat({ max: 1000 }), fc.constantFrom('ms', 's', 'm', 'h')).map((parts) => parts.join(''));
const ports = fc.integer({ min: 1, max: 65_535 });
const dictionaries = fc.dictionary(fc.stringMatching(/^[A-Z]{1,6}$/), texts, { maxKeys: 3 });

/** Some of the fields that may be left out. */
const some = <Fields extends object>(fields: {
  [Key in keyof Fields]: fc.Arbitrary<Fields[Key]>;
}): fc.Arbitrary<object> => fc.record(fields, { requiredKeys: [] });

const laidTogether = (...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<object> =>
  fc.tuple(...parts).map((values) => values.reduce((all, part) => ({ ...all, ...part }), {}));

const files = laidTogether(
  fc.record({ file: fc.stringMatching(/^[a-z]{1,8}$/), to: fc.stringMatching(/^(\/[a-z]{1,8}){1,3}$/) }),
  some({ mode: fc.stringMatching(/^[0-7]{3,4}$/), uid: fc.nat({ max: 2_097_151 }), gid: fc.nat({ max: 2_097_151 }) }),
);
const containers = laidTogether(
  fc.record({ image: fc.constant(IMAGE) }),
  some({ command: fc.array(texts), entrypoint: commands, env: dictionaries, files: fc.array(files, { maxLength: 3 }) }),
);
const volumes = fc.array(fc.constantFrom('data:/data', 'shop-{slot}-data:/var/data', '/etc/shop:/etc/shop:ro'));

const probes = fc.oneof(
  laidTogether(
    fc.record({ type: fc.constant('http'), path: fc.stringMatching(/^\/[a-z?=&/]{0,20}$/) }),
    some({ status: fc.integer({ min: 100, max: 599 }), contains: texts }),
  ),
  fc.constant({ type: 'tcp' }),
  fc.record({ type: fc.constant('exec'), command: commands }),
);
const services = laidTogether(
  fc.record({ name: names }),
  containers,
  some({
    shared: fc.boolean(),
    members: fc.integer({ min: 1, max: MAX_UNIT_MEMBERS }),
    placement: some({ labels: dictionaries, perHost: fc.integer({ min: 1, max: MAX_UNIT_MEMBERS }) }),
    dependsOn: fc.array(names, { maxLength: 3 }),
    port: fc.oneof(fc.record({ inside: ports, host: ports }), fc.record({ inside: ports, blue: ports, green: ports })),
    volumes,
    memory: fc.constantFrom('6MiB', '1.5GiB', 500_000_000),
    health: some({ deadline: fc.constantFrom('10s', '5m'), probe: probes }),
  }),
);

const jobs = laidTogether(containers, some({ beside: names, timeout: durations }));
const migrations = laidTogether(
  fc.record({ name: names, when: fc.constantFrom('expand', 'contract') }),
  jobs,
  some({ check: commands, down: commands, compatible: fc.boolean() }),
);

const units = laidTogether(
  fc.record({ name: names, services: fc.array(services, { minLength: 1, maxLength: 4 }) }),
  some({
    approval: fc.boolean(),
    keep: durations,
    drain: durations,
    confirm: durations,
    soak: some({
      duration: durations,
      maxErrorRate: fc.constantFrom('none', '0%', '0.5%', '7%', '99.99%', '100%'),
      minRequests: fc.nat(),
      unhealthy: durations,
    }),
    migrations: fc.array(migrations, { maxLength: 3 }),
    accountData: jobs,
    addOns: fc.array(laidTogether(fc.record({ name: names }), containers, some({ volumes })), { maxLength: 2 }),
    tests: fc.array(laidTogether(fc.record({ name: names }), jobs), { maxLength: 3 }),
  }),
);

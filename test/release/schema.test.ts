import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { manifestJsonSchema } from '../../drivers/release/json-schema.ts';
import { kernelProblems } from '../../drivers/release/kernel-problems.ts';
import { jumpProblems } from '../../drivers/release/jump-problems.ts';
import { Manifest } from '../../drivers/release/manifest-schema.ts';
import { migrationProblems } from '../../drivers/release/migration-problems.ts';
import { unitProblems } from '../../drivers/release/unit-problems.ts';
import { readText } from '../tidy/source.ts';
import { unitOf } from './unit-manifest.ts';

const validate = new Ajv2020({ allErrors: true, strict: false }).compile(manifestJsonSchema());

/** Whole releases on the page: what begins with a name. */
const examples = [...readText('docs/release.md').matchAll(/^```yaml\n(name: .*?)^```/gms)].map(
  ([, text = ''], index) => [index + 1, text] as const,
);

describe('the examples of docs/release.md', () => {
  test('are there', () => {
    expect(examples.length).toBeGreaterThan(1);
  });

  test.each(examples)('example %i is a release', (_number, text) => {
    expect(Manifest.safeParse(parse(text)).error?.issues ?? []).toEqual([]);
  });

  test.each(examples)('the units, jumps and migrations of example %i fit together', (_number, text) => {
    const value: unknown = parse(text);

    expect(
      [unitProblems, jumpProblems, migrationProblems, problemsOfKernel].flatMap((problems) => problems(value)),
    ).toEqual([]);
  });

  test.each(examples)('example %i is valid by the JSON Schema', (_number, text) => {
    validate(parse(text));

    expect(validate.errors ?? []).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  test.each([
    ['an unknown field', { name: 'a', version: '1.0.0', host: { steps: [] }, more: 1 }],
    ['a name with capitals', { name: 'A', version: '1.0.0', host: { steps: [] } }],
    ['a version of two numbers', { name: 'a', version: '1.0', host: { steps: [] } }],
    ['a command that is a text', step({ type: 'run', check: 'true', command: ['true'] })],
    ['an image by tag', step({ type: 'container', name: 'a', image: 'registry.lab/a:1' })],
    ['a unit without services', { ...step({ type: 'reboot' }), units: [{ name: 'shop', services: [] }] }],
    ['an error rate that is a number', { ...step({ type: 'reboot' }), units: [unitOf({ soak: { maxErrorRate: 2 } })] }],
    ['a limited range without its range', { ...step({ type: 'reboot' }), upgradesFrom: [{ blocked: 'no' }] }],
    ['an entry of the chain without its digest', { ...step({ type: 'reboot' }), chain: [{ version: '1.0.0' }] }],
    ['a component of two numbers', { ...step({ type: 'reboot' }), components: { etcd: '3.5' } }],
    ['a migration without a check', { ...step({ type: 'reboot' }), migrations: [{ name: 'a', when: 'expand' }] }],
    ['a backup that is another text than none', { ...step({ type: 'reboot' }), backup: 'later' }],
    ['a kernel without its package', step({ type: 'kernel' })],
    ['a kernel of several packages', step({ type: 'kernel', files: ['a.deb'] })],
    ['an engine without packages', step({ type: 'engine', files: [] })],
    ['a deadline without a unit', { name: 'a', version: '1.0.0', host: { steps: [], deadline: 5 } }],
  ])('refuses %s, as the build does', (_what, value) => {
    expect(validate(value)).toBe(false);
    expect(Manifest.safeParse(value).success).toBe(false);
  });

  test('describes fields to people who write one', () => {
    const text = JSON.stringify(manifestJsonSchema());

    expect(text).toContain('Exit code 0: the effect is there already');
    expect(text).toContain('Why nobody can go from there.');
    expect(text).toContain('Reads /backup; exit code 0: it could be restored.');
    expect(text).toContain('How the new slot is watched after the cutover.');
  });
});

const problemsOfKernel = (value: unknown): ReturnType<typeof kernelProblems> =>
  kernelProblems(value, Manifest.parse(value));

function step(fields: object): object {
  return { name: 'a', version: '1.0.0', host: { steps: [{ id: 'a', ...fields }] } };
}

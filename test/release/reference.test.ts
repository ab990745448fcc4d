import { describe, expect, test } from 'vitest';
import { parseReference, versionTag } from '../../drivers/oci/reference.ts';
import { formatSize } from '../../drivers/release/quantities.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('a reference', () => {
  test.each([
    ['registry.lab:5000/sample', ['registry.lab:5000', 'sample', null, null]],
    ['registry.lab:5000/sample:2.0.0', ['registry.lab:5000', 'sample', '2.0.0', null]],
    [`registry.lab/team/sample@${DIGEST}`, ['registry.lab', 'team/sample', null, DIGEST]],
    [`localhost/sample:1@${DIGEST}`, ['localhost', 'sample', '1', DIGEST]],
    ['host:5000/a', ['host:5000', 'a', null, null]],
    ['127.0.0.1:5000/a_b/c-d.e:x', ['127.0.0.1:5000', 'a_b/c-d.e', 'x', null]],
    ['[::1]:5000/a:1', ['[::1]:5000', 'a', '1', null]],
  ])('%s is taken apart', (text, [registry, path, tag, digest]) => {
    expect(parseReference(text)).toEqual({
      registry,
      path,
      repository: `${registry ?? ''}/${path ?? ''}`,
      tag,
      digest,
    });
  });

  test.each([
    'sample',
    'sample:2.0.0',
    'team/sample:2.0.0',
    '',
    'registry.lab/',
    'registry.lab/Sample',
    'registry.lab/../a',
    'registry.lab/a:',
    'registry.lab/a@sha256:12',
    `registry.lab/a@${DIGEST}@${DIGEST}`,
    'https://registry.lab/a',
    `registry.lab/${'a'.repeat(400)}`,
  ])('%j is refused, and quoted', (text) => {
    expect(() => parseReference(text)).toThrow(RangeError);
  });

  test('a version’s build part fits into a tag', () => {
    expect(versionTag('1.0.0-rc.1+build.5')).toBe('1.0.0-rc.1_build.5');
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [39_653_014, '38 MiB'],
  [5 * 1024 ** 3, '5.0 GiB'],
])('%i bytes are shown as %s', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

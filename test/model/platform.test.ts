import { describe, expect, it } from 'vitest';
import { imageArchitecture, runsImages } from '../../model/platform.ts';

describe('images for a host', () => {
  const cases: readonly [host: string, image: string, runs: boolean][] = [
    ['x86_64', 'amd64', true],
    ['x86_64', '386', true],
    ['x86_64', 'arm64', false],
    ['aarch64', 'arm64', true],
    ['aarch64', 'amd64', false],
    ['i686', 'amd64', false],
    ['s390x', 's390x', true],
    ['s390x', 'amd64', false],
    ['x86_64', '', true],
  ];

  it.each(cases)('a host that is %s, an image for "%s": runs %s', (host, image, runs) => {
    expect(runsImages(host, image)).toBe(runs);
  });

  it('a host is named in the words of images', () => {
    expect(['x86_64', 'aarch64', 's390x'].map(imageArchitecture)).toEqual(['amd64', 'arm64', 's390x']);
  });
});

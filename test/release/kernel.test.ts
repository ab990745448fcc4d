import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readReleaseFolder } from '../../drivers/release/manifest.ts';
import { encodeRelease, parseRelease } from '../../drivers/release/release-json.ts';
import { ReleaseProblems } from '../../drivers/release/release-problems.ts';
import { toRelease } from '../../drivers/release/to-release.ts';
import { releaseWork } from '../../agent/host-work.ts';
import { stepText } from '../../client/cli/release-lines.ts';
import type { Release } from '../../model/release.ts';
import { buildPackage, type MadePackage } from './debian-package.ts';
import { folderWith } from './folder.ts';

const KERNEL = '6.1.0-56-cloud-amd64';
const kernelPackage: MadePackage = {
  name: `linux-image-${KERNEL}`,
  version: '6.1.192-2',
  files: [`boot/vmlinuz-${KERNEL}`],
};

/** A release of these steps, with packages by file. */
async function read(
  steps: string,
  packages: Readonly<Record<string, MadePackage>>,
  deadline = '20m',
): Promise<Release> {
  const text = `name: sample\nversion: 1.0.0\nhost:\n  deadline: ${deadline}\n  steps:\n${steps}`;
  await using folder = await folderWith({ 'release.yaml': text });
  for (const [file, made] of Object.entries(packages)) await buildPackage(join(folder.path, file), made);
  return toRelease(await readReleaseFolder(folder.path));
}

const problemsOf = async (...release: Parameters<typeof read>): Promise<readonly string[]> => {
  const error: unknown = await read(...release).catch((failure: unknown) => failure);
  if (!(error instanceof ReleaseProblems)) throw new Error(`expected problems, got ${String(error)}`);
  return error.problems;
};

const kernelStep = (fields = ''): string => `    - { id: kernel, type: kernel, file: kernel.deb${fields} }\n`;

describe('a kernel step', () => {
  test('has its kernel from the package, and every default', async () => {
    const { host } = await read(kernelStep(), { 'kernel.deb': kernelPackage });

    expect(host.steps).toEqual([
      {
        ...{
          id: 'kernel',
          type: 'kernel',
          format: 'deb',
          kernel: KERNEL,
          timeoutMs: 300_000,
          confirmWithinMs: 300_000,
        },
        package: { file: 'kernel.deb', name: `linux-image-${KERNEL}`, version: '6.1.192-2', architecture: 'all' },
        health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 60_000 },
      },
    ]);
  });

  test('comes out of release.json as it went in, and is three steps of a host', async () => {
    const release = await read(kernelStep(), { 'kernel.deb': kernelPackage });

    expect(parseRelease(encodeRelease(release))).toEqual(release);
    expect(releaseWork(release).steps.map(({ id, type }) => [id, type])).toEqual([
      ['kernel', 'kernel'],
      ['kernel.boot', 'boot'],
      ['kernel.confirm', 'confirm'],
    ]);
    expect(release.host.steps.map(stepText)).toEqual([expect.stringContaining(`kernel ${KERNEL}`)]);
  });

  test.each([
    ['a package without a kernel', { files: [] }, 'expected one kernel in /boot of kernel.deb, got none'],
    ['a package with two', { files: ['boot/vmlinuz-1', 'boot/vmlinuz-2'] }, 'got 1 and 2'],
    ['a package with a link to one', { files: [], links: { vmlinuz: `/boot/vmlinuz-${KERNEL}` } }, 'got none'],
  ])('%s is refused, and says which package to take', async (_, changes, problem) => {
    const problems = await problemsOf(kernelStep(), { 'kernel.deb': { ...kernelPackage, ...changes } });

    expect(problems.join('\n')).toContain(problem);
    expect(problems.join('\n')).toContain('the version in its name');
  });

  test.each([
    ['a health that takes longer than its confirmation', kernelStep(', confirmWithin: 30s'), 'longer than the health'],
    ['two kernels', kernelStep() + kernelStep().replace('id: kernel', 'id: other'), 'one kernel step'],
    [
      'another step of such a name',
      '    - { id: grub.confirm, type: reboot }\n',
      'host.steps[0].id: "grub.confirm" ends like what a kernel step calls a step of its own',
    ],
    [
      'a name that leaves no room for its steps’ names',
      kernelStep().replace('id: kernel', `id: ${'k'.repeat(56)}`),
      'host.steps[0].id: expected at most 55 characters',
    ],
  ])('%s is refused', async (_, steps, problem) => {
    expect((await problemsOf(steps, { 'kernel.deb': kernelPackage })).join('\n')).toContain(problem);
  });

  test('a host’s deadline that a kernel can’t keep is refused, with figures', async () => {
    const problems = await problemsOf(kernelStep(), { 'kernel.deb': kernelPackage }, '11m');

    expect(problems.join('\n')).toContain(
      "(300s to go down, 300s until it is confirmed and 60s for the host's health), got 660s",
    );
  });
});

test('an engine step has its packages read, and comes out of release.json as it went in', async () => {
  const made = (name: string): MadePackage => ({ name, version: '20.10.25', files: [`usr/bin/${name}`] });
  const steps = '    - { id: engine, type: engine, files: [docker.deb, containerd.deb] }\n';

  const release = await read(steps, { 'docker.deb': made('docker.io'), 'containerd.deb': made('containerd') });

  expect(release.host.steps).toMatchObject([
    { type: 'engine', timeoutMs: 120_000, packages: [{ name: 'docker.io' }, { name: 'containerd' }] },
  ]);
  expect(parseRelease(encodeRelease(release))).toEqual(release);
  expect(release.host.steps.map(stepText)).toEqual(['engine docker.io 20.10.25, containerd 20.10.25']);
});

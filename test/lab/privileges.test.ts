import { describe, expect, it } from 'vitest';
import { hasFullPrivileges, hostPrivileges } from '../../lab/privileges.ts';

const status = (bounding: string): string =>
  `Name:\tnode\nCapEff:\t000001fffeffffff\nCapBnd:\t${bounding}\nCapAmb:\t0000000000000000\n`;

describe('what a lab host is allowed', () => {
  it('is everything on a machine with all capabilities', () => {
    expect(hasFullPrivileges(status('000001ffffffffff'))).toBe(true);
  });

  it('is less where the machine itself lacks CAP_SYS_RESOURCE', () => {
    expect(hasFullPrivileges(status('000001fffeffffff'))).toBe(false);
  });

  it('is everything where the kernel tells nothing, as on another system', () => {
    expect(hasFullPrivileges('')).toBe(true);
  });

  it('is --privileged with a cgroup namespace of its own on an ordinary machine with cgroup v2', () => {
    expect(hostPrivileges(true, 2)).toEqual(['--privileged', '--cgroupns=private']);
  });

  it('shares the cgroup tree with cgroup v1, where an engine in a private one starts no containers', () => {
    for (const full of [true, false]) {
      const args = hostPrivileges(full, 1);

      expect(args).toContain('--cgroupns=host');
      expect(args).toContain('--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw');
      expect(args.includes('--privileged')).toBe(full);
    }
  });

  it('never asks for a capability that the machine lacks', () => {
    for (const cgroup of [1, 2] as const) {
      const args = hostPrivileges(false, cgroup);

      expect(args).toContain('--cap-drop=SYS_RESOURCE');
      expect(args).not.toContain('--privileged');
    }
  });
});

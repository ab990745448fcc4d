/** Bit of CAP_SYS_RESOURCE in the kernel's capability sets. Where the machine itself lacks it, --privileged fails. */
const SYS_RESOURCE = 1n << 24n;

export type CgroupVersion = 1 | 2;

/** Whether this machine may hand out every capability, from the text of /proc/self/status; without such a text it is assumed. */
export function hasFullPrivileges(status: string): boolean {
  const match = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status);
  return match?.[1] === undefined || (BigInt(`0x${match[1]}`) & SYS_RESOURCE) !== 0n;
}

/** How a container is run so that systemd and a Docker Engine work inside it. */
export function hostPrivileges(full: boolean, cgroup: CgroupVersion): readonly string[] {
  return [...(full ? ['--privileged'] : allButResource), ...cgroupArguments(full, cgroup)];
}

const allButResource = [
  '--cap-add=ALL',
  '--cap-drop=SYS_RESOURCE',
  '--security-opt=seccomp=unconfined',
  '--security-opt=apparmor=unconfined',
  '--security-opt=systempaths=unconfined',
];

/**
 * With cgroup v1 an engine inside a private cgroup namespace can't start containers. With v2 it can, but only a privileged
 * container gets its own cgroup tree writable.
 */
function cgroupArguments(full: boolean, cgroup: CgroupVersion): readonly string[] {
  if (cgroup === 2 && full) return ['--cgroupns=private'];
  return ['--cgroupns=host', '--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw'];
}

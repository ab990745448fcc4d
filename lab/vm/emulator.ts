import { webMembers } from '../haproxy-config.ts';
import type { Accelerator } from './accelerator.ts';

/** Memory of one machine: engine, etcd and agent take 600, an upgrade some 300 more; MiB. */
const MEMORY_MIB = 1_024;

/** Ports of a machine that its container has, too: ssh for the lab itself, and what a host of the lab serves. */
const SSH = { outside: 2_222, inside: 22 } as const;
const SERVED = [2_376, 2_379, 2_380, 8_080, ...webMembers.map(({ port }) => port)];

/** The emulator's command line but for the disk, the same for the template and every machine, or saved memory would not fit. */
export function emulator(accelerator: Accelerator): readonly string[] {
  const forwards = [
    `hostfwd=tcp::${SSH.outside}-:${SSH.inside}`,
    ...SERVED.map((port) => `hostfwd=tcp::${port}-:${port}`),
  ];
  return [
    ...['qemu-system-x86_64', '-M', 'pc,usb=off', '-smp', '2', '-m', String(MEMORY_MIB)],
    ...(accelerator === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : // Emulated, this one is quicker than all that the emulator could do.
        ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'Nehalem']),
    ...['-nodefaults', '-display', 'none', '-serial', 'stdio'],
    ...['-netdev', `user,id=net,${forwards.join(',')}`, '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-device', 'virtio-blk-pci,drive=disk', '-device', 'virtio-rng-pci'],
  ];
}

/** Options of the container that the emulator runs in. */
export const machineOptions = (accelerator: Accelerator): readonly string[] =>
  accelerator === 'kvm' ? ['--device=/dev/kvm'] : [];

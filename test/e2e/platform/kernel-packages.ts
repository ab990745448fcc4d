import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repack } from './repack.ts';

/** A kernel's package as Debian has it. */
export type KernelSource = { readonly file: string; readonly kernel: string };

/**
 * sound: as it is · panics: its initial RAM disk ends in the middle · does-not-load: its image is none · unconfirmed: it starts,
 * but the agent does not come up on it
 */
export const kernelVariants = ['sound', 'panics', 'does-not-load', 'unconfirmed'] as const;
export type KernelVariant = (typeof kernelVariants)[number];

/** Modules that hosts of the lab need, of folders that are long: an emulated host unpacks them in a fifth of the time. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  drivers: ['block', 'char', 'net', 'virtio'],
  'drivers/net': ['net_failover.ko', 'tun.ko', 'veth.ko', 'virtio_net.ko'],
  fs: ['autofs', 'ext4', 'fuse', 'jbd2', 'mbcache.ko', 'overlayfs'],
  net: ['802', 'bridge', 'core', 'ipv4', 'ipv6', 'llc', 'netfilter', 'packet', 'xfrm'],
};

/** What is left of a RAM disk that ends in the middle; bytes. */
const CUT_BYTES = 4_096;
/** The head of a kernel's image, by which a boot loader knows it; bytes. */
const HEAD_BYTES = 4_096;

/** Debian's package once more, smaller, and broken as the variant says; `to`: the file to write. */
export const repackKernel = ({ file, kernel }: KernelSource, variant: KernelVariant, to: string): Promise<void> =>
  repack({
    ...{ source: file, to, mark: `+${variant}` },
    edit: async (tree) => {
      await removeUnneeded(join(tree, 'lib/modules', kernel, 'kernel'));
      await breakKernel(tree, { kernel, variant });
    },
  });

async function removeUnneeded(modules: string): Promise<void> {
  for (const [folder, needed] of Object.entries(NEEDED)) {
    const unneeded = (await readdir(join(modules, folder))).filter((name) => !needed.includes(name));
    await Promise.all(unneeded.map((name) => rm(join(modules, folder, name), { recursive: true })));
  }
}

type Broken = Pick<KernelSource, 'kernel'> & { readonly variant: KernelVariant };

async function breakKernel(tree: string, { kernel, variant }: Broken): Promise<void> {
  switch (variant) {
    case 'sound':
      return;
    case 'panics': {
      const script = join(tree, 'DEBIAN/postinst');
      const text = await readFile(script, 'utf8');
      const cut = `truncate --size=${CUT_BYTES} /boot/initrd.img-${kernel}`;
      return writeFile(script, text.replace(/\nexit 0\s*$/, `\n${cut}\nexit 0\n`));
    }
    case 'does-not-load': {
      const image = await open(join(tree, 'boot', `vmlinuz-${kernel}`), 'r+');
      await image.write(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return image.close();
    }
    case 'unconfirmed': {
      const file = join(tree, 'lib/systemd/system/refit-agent.service.d/kernel.conf');
      await mkdir(dirname(file), { recursive: true });
      return writeFile(file, `[Unit]\nConditionKernelVersion=!${kernel}\n`);
    }
  }
}

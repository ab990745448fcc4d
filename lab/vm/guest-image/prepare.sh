# Runs once while the disk of an emulated lab host is made.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Services must not start while it is made, and must start when a release installs one on a host.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
# Only the disk is kept small; what a release installs later is unpacked whole.
printf 'path-exclude=/usr/share/%s/*\n' doc locale man > /etc/dpkg/dpkg.cfg.d/lab

# Kernels come from where security updates do; a minimal base may know of the first archive alone.
if ! grep -rqs bookworm-security /etc/apt; then
  sed -n 's|^\(deb .*\)/debian/\{0,1\} bookworm .*|\1/debian-security bookworm-security main|p' /etc/apt/sources.list \
    > /etc/apt/sources.list.d/security.list
fi
apt-get update -q

# Before any kernel, since an initial RAM disk is made of it: an emulated host makes a small one in seconds.
cp -r --no-preserve=mode /lab/root/. /
# shellcheck disable=SC2046
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold $(grep -v '^#' /lab/packages.txt)

# Each costs an emulated host seconds with every kernel, and finds nothing on it.
chmod -x /etc/grub.d/05_debian_theme /etc/grub.d/20_linux_xen /etc/grub.d/30_* /etc/grub.d/4?_custom
(cd /usr/share/initramfs-tools/hooks && chmod -x dmsetup keymap resume thermal)

# The newest two, but 6.1.0-55, which was seen to fail: hosts begin on the one, and releases bring the other.
apt-cache search --names-only '^linux-image-6\.1\.0-[0-9]+-cloud-amd64$' | cut -d' ' -f1 | grep -v 6.1.0-55 | sort -V | tail -n 2 > /kernels
apt-get install -q -y --no-install-recommends "$(head -n 1 /kernels)"
mkdir /next-kernel
(cd /next-kernel && apt-get download -q "$(tail -n 1 /kernels)")
rm /kernels /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/lab

# A container leaves these to its machine's kernel, or wants none of them.
systemctl unmask \
  dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  systemd-modules-load.service systemd-sysctl.service systemd-udevd.service
systemctl enable systemd-networkd.service ssh.service
systemctl mask grub-common.service systemd-networkd-wait-online.service

printf '/dev/vda1 / ext4 errors=remount-ro 0 1\n' > /etc/fstab
chmod 755 /usr/local/lib/lab/*
passwd -d root > /dev/null

apt-get clean
rm -rf /lab /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old

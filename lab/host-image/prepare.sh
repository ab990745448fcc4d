# Runs once while the image of a lab host is built.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Services must not start while the image is built, and must start when a release installs one on a host.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
# Only the image is kept small; what a release installs later is unpacked whole.
printf 'path-exclude=/usr/share/%s/*\n' doc locale man > /etc/dpkg/dpkg.cfg.d/lab
# PostgreSQL compiles queries with these where they are there: a fifth of the whole image.
printf 'path-exclude=/usr/lib/%s\n' '*/libLLVM*' '*/libz3.so*' 'postgresql/*/lib/bitcode/*' 'postgresql/*/lib/llvmjit*' \
  >> /etc/dpkg/dpkg.cfg.d/lab
# It comes as programs alone: a data folder of its own would be part of the image.
mkdir -p /etc/postgresql-common
printf 'create_main_cluster = false\n' > /etc/postgresql-common/createcluster.conf
apt-get update -q
# shellcheck disable=SC2046
apt-get install -q -y --no-install-recommends $(grep -v '^#' /lab/packages.txt)
rm /usr/sbin/policy-rc.d /etc/dpkg/dpkg.cfg.d/lab

# Whatever modes the checkout's files have, here they are a system's.
cp -r --no-preserve=mode /lab/root/. /
chmod 755 /usr/local/lib/lab/*

# A host of the lab gets the role of etcd member, registry or load balancer when it is created. PostgreSQL is for containers.
systemctl disable etcd.service docker-registry.service haproxy.service postgresql.service
systemctl enable lab-containers.service

# The units below would reach for the machine's kernel, or wake up in the middle of a measurement.
systemctl mask \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
  logrotate.timer man-db.timer motd-news.timer systemd-tmpfiles-clean.timer \
  console-getty.service getty@.service getty.target getty-static.service \
  dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
  e2scrub_reap.service systemd-modules-load.service systemd-pstore.service systemd-sysctl.service systemd-udevd.service

# The journal outlives a reboot, so that a test can read what happened before it.
mkdir -p /var/log/journal

# Each host makes its own identity when it first boots. The file stays, empty: without it systemd would enable every unit again.
: > /etc/machine-id
rm -f /var/lib/dbus/machine-id /etc/docker/key.json

apt-get clean
rm -rf /lab /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old

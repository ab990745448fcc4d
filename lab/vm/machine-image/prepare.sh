# Runs once while the image of an emulated lab host's machine is built.
set -eu
export DEBIAN_FRONTEND=noninteractive
printf 'path-exclude=/usr/share/%s/*\n' doc locale man > /etc/dpkg/dpkg.cfg.d/lab
apt-get update -q
# shellcheck disable=SC2046
apt-get install -q -y --no-install-recommends $(grep -v '^#' /lab/packages.txt)
cp -r --no-preserve=mode /lab/root/. /
chmod 755 /usr/local/bin/*
apt-get clean
rm -rf /lab /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old

import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder, writeDurably } from '../durable.ts';
import { STATE_FOLDER, type Places } from '../places.ts';

const UNIT = 'refit-boot-confirm.service';
const SCRIPT = `${STATE_FOLDER}/boot-confirm`;
const TRIAL = `${STATE_FOLDER}/kernel-trial`;
/** Longest that the service manager is given to restart the host; s. */
const RESTART_S = 20;

/** Before all that a new kernel may break for the host's userland, and alive where that ends in an emergency. */
const unit = `[Unit]
Description=refit: back to the earlier kernel unless the new one is confirmed
DefaultDependencies=no
IgnoreOnIsolate=yes
RequiresMountsFor=${STATE_FOLDER}
After=systemd-remount-fs.service
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists=${TRIAL}

[Service]
Type=simple
ExecStart=/bin/sh ${SCRIPT}

[Install]
WantedBy=sysinit.target
`;

/** The earlier kernel becomes the default first, so that there is no restart after the next one. */
const script = `#!/bin/sh
# Written by refit, and run at every start while a kernel is on trial. Whoever confirms it removes the file.
[ -e ${TRIAL} ] || exit 0
. ${TRIAL}
[ "$(uname -r)" = "$kernel" ] || exit 0
while [ "$seconds" -gt 0 ]; do
  sleep 1
  [ -e ${TRIAL} ] || exit 0
  seconds=$((seconds - 1))
done
echo "refit: kernel $kernel was not confirmed; back to the earlier one"
eval "$back"
sync
timeout ${RESTART_S} systemctl reboot --force
sync
echo b > /proc/sysrq-trigger
`;

export type Trial = {
  readonly kernel: string;
  /** Time from the kernel's start until the host restarts on the earlier one. */
  readonly withinMs: number;
  /** Command of a shell that makes the earlier one the default. */
  readonly back: string;
};

/** From here on the kernel, whenever it starts, has so long to be confirmed. */
export function beginTrial(places: Places, { kernel, withinMs, back }: Trial): void {
  writeDurably(places.on(SCRIPT), script, 0o755);
  writeDurably(join(places.units, UNIT), unit);
  const wanted = wantedBy(places);
  mkdirSync(dirname(wanted), { recursive: true });
  if (!existsSync(wanted)) symlinkSync(`../${UNIT}`, wanted);
  syncFolder(dirname(wanted));
  const quoted = back.replaceAll("'", `'\\''`);
  const seconds = Math.ceil(withinMs / 1_000);
  writeDurably(places.on(TRIAL), `kernel='${kernel}'\nseconds=${seconds}\nback='${quoted}'\n`);
}

/** Which kernel is on trial; null: none. */
export function kernelOnTrial(places: Places): string | null {
  if (!existsSync(places.on(TRIAL))) return null;
  return /^kernel='([^']*)'$/m.exec(readFileSync(places.on(TRIAL), 'utf8'))?.[1] ?? '';
}

export function endTrial(places: Places): void {
  rmSync(places.on(TRIAL), { force: true });
  syncFolder(dirname(places.on(TRIAL)));
}

/** Nothing of it is left on the host. */
export function removeTrial(places: Places): void {
  for (const path of [places.on(TRIAL), wantedBy(places), join(places.units, UNIT), places.on(SCRIPT)]) {
    rmSync(path, { force: true });
    if (existsSync(dirname(path))) syncFolder(dirname(path));
  }
}

export const hasTrialUnit = (places: Places): boolean => existsSync(join(places.units, UNIT));

const wantedBy = ({ units }: Places): string => join(units, 'sysinit.target.wants', UNIT);

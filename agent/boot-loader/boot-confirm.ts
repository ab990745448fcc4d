import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { syncFolder, writeDurably } from '../durable.ts';
import type { Places } from '../places.ts';

const UNIT = 'refit-boot-confirm.service';
/** On the root file system: a new kernel that can't mount /var is what this is for. */
const FOLDER = '/etc/refit-kernel';
const SCRIPT = `${FOLDER}/boot-confirm`;
const TRIAL = `${FOLDER}/trial`;
/** A trial's name once its time is over: who takes the file away from the other decides which kernel it is. */
const OVER = `${TRIAL}.over`;
/** Longest that the service manager is given to restart the host; s. */
const RESTART_S = 60;
/** After so long the host restarts whatever hangs: a disk that does not answer, or who should restart it; s. */
const LAST_S = 180;

/** Before all that a new kernel may break for the host's userland, and alive where that ends in an emergency. */
const unit = `[Unit]
Description=refit: back to the earlier kernel unless the new one is confirmed
DefaultDependencies=no
IgnoreOnIsolate=yes
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
const script = (trial: string): string => `#!/bin/sh
# Written by refit, and run at every start while a kernel is on trial. Whoever confirms it takes the file away.
trial='${trial}'
[ -e "$trial" ] || exit 0
. "$trial"
[ "$(uname -r)" = "$kernel" ] || exit 0
while [ "$seconds" -gt 0 ]; do
  sleep 1
  [ -e "$trial" ] || exit 0
  seconds=$((seconds - 1))
done
(sleep ${LAST_S} && echo b > /proc/sysrq-trigger) &
# It was confirmed in this moment if the file is gone, and only then: a disk that can't be written holds it as well.
mv "$trial" "$trial.over" || [ -e "$trial" ] || { kill $!; exit 0; }
echo "refit: kernel $kernel was not confirmed; back to the earlier one"
eval "$back"
timeout ${RESTART_S} systemctl reboot --force && sleep ${RESTART_S}
sync
echo b > /proc/sysrq-trigger
`;

export type KernelTrial = {
  readonly kernel: string;
  /** Time from the kernel's start until the host restarts on the earlier one. */
  readonly withinMs: number;
  /** Command of a shell that makes the earlier one the default. */
  readonly back: string;
};

/** From here on the kernel, whenever it starts, has so long to be confirmed. */
export function beginKernelTrial(places: Places, { kernel, withinMs, back }: KernelTrial): void {
  rmSync(places.on(OVER), { force: true });
  writeDurably(places.on(SCRIPT), script(places.on(TRIAL)), 0o755);
  writeDurably(join(places.units, UNIT), unit);
  const wanted = wantedBy(places);
  mkdirSync(dirname(wanted), { recursive: true });
  if (!existsSync(wanted)) symlinkSync(`../${UNIT}`, wanted);
  syncFolder(dirname(wanted));
  syncFolder(places.units);
  const quoted = back.replaceAll("'", `'\\''`);
  const seconds = Math.ceil(withinMs / 1_000);
  writeDurably(places.on(TRIAL), `kernel='${kernel}'\nseconds=${seconds}\nback='${quoted}'\n`);
  syncFolder(dirname(places.on(FOLDER)));
}

/** Which kernel is on trial; null: none. */
export function kernelOnTrial(places: Places): string | null {
  if (!existsSync(places.on(TRIAL))) return null;
  return /^kernel='([^']*)'$/m.exec(readFileSync(places.on(TRIAL), 'utf8'))?.[1] ?? '';
}

/** Nothing is on trial any more, and nothing says that a trial's time was over: the way back is the host's own. */
export function forgetKernelTrial(places: Places): void {
  for (const path of [TRIAL, OVER]) rmSync(places.on(path), { force: true });
  if (existsSync(places.on(FOLDER))) syncFolder(places.on(FOLDER));
}

/** Ends the trial; false: its time was over before, and the host goes back by itself. */
export function endKernelTrial(places: Places): boolean {
  const trial = places.on(TRIAL);
  try {
    unlinkSync(trial);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return !existsSync(places.on(OVER));
  }
  syncFolder(dirname(trial));
  return true;
}

/** Nothing of it is left on the host. */
export function removeKernelTrial(places: Places): void {
  for (const path of [places.on(TRIAL), wantedBy(places), join(places.units, UNIT)]) {
    rmSync(path, { force: true });
    if (existsSync(dirname(path))) syncFolder(dirname(path));
  }
  rmSync(places.on(FOLDER), { recursive: true, force: true });
}

export const hasConfirmUnit = (places: Places): boolean => existsSync(join(places.units, UNIT));

const wantedBy = ({ units }: Places): string => join(units, 'sysinit.target.wants', UNIT);

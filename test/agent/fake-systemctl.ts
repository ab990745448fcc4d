import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { write } from './test-host.ts';

export type FakeUnit = {
  readonly loadState?: 'loaded' | 'masked' | 'not-found';
  readonly activeState?: 'active' | 'inactive' | 'failed';
  /** Of the process that it runs. */
  readonly mainPid?: number;
};

/** Units are files of `property=value` lines; calls that change one are noted, and do what they say. */
const PROGRAM = `#!/bin/sh
cd "$(dirname "$0")/units"
for unit; do :; done
case $1 in
  show) cat "$unit" ;;
  reset-failed) ;;
  daemon-reload) echo "$1" >> ../calls ;;
  *)
    echo "$1 $unit" >> ../calls
    if [ -e "../breaks-$unit" ]; then echo "$unit can not be started" >&2; exit 1; fi
    case $1 in stop) state=inactive ;; *) state=active ;; esac
    sed -i "s/^ActiveState=.*/ActiveState=$state/; s/^MainPID=.*/MainPID=0/" "$unit" ;;
esac
`;

/** A service manager's command line in front of the real one, for what asks it by its name. */
export class FakeSystemctl {
  readonly #folder: string;
  readonly #path = process.env['PATH'];

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, 'units'), { recursive: true });
    write(join(folder, 'systemctl'), PROGRAM);
    chmodSync(join(folder, 'systemctl'), 0o755);
    process.env['PATH'] = `${folder}:${this.#path ?? ''}`;
  }

  set(unit: string, { loadState = 'loaded', activeState = 'active', mainPid = 0 }: FakeUnit): void {
    const lines = [`LoadState=${loadState}`, `ActiveState=${activeState}`, `MainPID=${mainPid}`];
    write(join(this.#folder, 'units', unit), `${lines.join('\n')}\n`);
  }

  breakStartsOf(unit: string): void {
    write(join(this.#folder, `breaks-${unit}`), '');
  }

  calls(): readonly string[] {
    const file = join(this.#folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  close(): void {
    process.env['PATH'] = this.#path;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

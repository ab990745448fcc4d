import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { write, writeProgram } from './test-host.ts';

export type FakeUnit = {
  readonly loadState?: 'loaded' | 'masked' | 'not-found';
  readonly activeState?: 'active' | 'inactive' | 'failed' | 'activating';
  /** It waits for its turn to be started. */
  readonly isQueued?: boolean;
  /** Of the process that it runs. */
  readonly mainPid?: number;
};

/** Units are files of `property=value` lines; calls that change one are noted, and do what they say. */
const PROGRAM = `
cd "$(dirname "$0")/units"
for unit; do :; done
case $1 in
  show) echo >> "../looks-$unit"; cat "$unit" ;;
  reset-failed) ;;
  daemon-reload) echo "$1" >> ../calls ;;
  *)
    echo "$1 $unit" >> ../calls
    if [ -e "../breaks-$unit" ]; then echo "$unit can not be started" >&2; exit 1; fi
    case $1 in stop) state=inactive ;; *) state=active ;; esac
    sed -i "s/^ActiveState=.*/ActiveState=$state/; s/^MainPID=.*/MainPID=0/" "$unit" ;;
esac`;

/** A service manager's command line in front of the real one, for what asks it by its name. */
export class FakeSystemctl {
  readonly #folder: string;
  readonly #path = process.env['PATH'];

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(join(folder, 'units'), { recursive: true });
    writeProgram(join(folder, 'systemctl'), PROGRAM);
    process.env['PATH'] = `${folder}:${this.#path ?? ''}`;
  }

  set(unit: string, { loadState = 'loaded', activeState = 'active', mainPid = 0, isQueued = false }: FakeUnit): void {
    const lines = [`LoadState=${loadState}`, `ActiveState=${activeState}`, `MainPID=${mainPid}`];
    if (isQueued) lines.push('Job=7');
    const file = join(this.#folder, 'units', unit);
    // In one step: somebody may be asking for it.
    write(`${file}.new`, `${lines.join('\n')}\n`);
    renameSync(`${file}.new`, file);
  }

  breakStartsOf(unit: string): void {
    write(join(this.#folder, `breaks-${unit}`), '');
  }

  calls(): readonly string[] {
    const file = join(this.#folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  }

  /** How often somebody asked how it is. */
  looks(unit: string): number {
    const file = join(this.#folder, `looks-${unit}`);
    return existsSync(file) ? readFileSync(file, 'utf8').length : 0;
  }

  close(): void {
    process.env['PATH'] = this.#path;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { kernelOnTrial } from '../../agent/boot-loader/boot-confirm.ts';
import type { BootLoader } from '../../agent/boot-loader/boot-loader.ts';
import { needBootLoader } from '../../agent/boot-loader/find.ts';
import type { ConfirmStep } from '../../agent/host-work.ts';
import { mustRun } from '../../agent/commands.ts';
import { noteKernel, notedKernels, outlivedKernels } from '../../agent/noted-kernels.ts';
import { placesUnder, type Places } from '../../agent/places.ts';
import type { Json } from '../../agent/ports.ts';
import { confirmKind } from '../../agent/steps/confirm.ts';
import { kernelKind } from '../../agent/steps/kernel.ts';
import type { StepSite } from '../../agent/steps/kind.ts';
import { confirmStepId, parseStepId } from '../../model/ids.ts';
import type { KernelStep } from '../../model/release.ts';
import { grubConfig, grubEnvironment } from './grub-config.ts';
import { stepSite } from './step-site.ts';
import { write, writeProgram } from './test-host.ts';

const OLD = '6.1.0-54-cloud-amd64';
const NEW = '6.1.0-56-cloud-amd64';
const NAME = `linux-image-${NEW}`;
const CONFIG = '/boot/grub/grub.cfg';

const step: KernelStep = {
  ...{ id: parseStepId('kernel'), type: 'kernel', format: 'deb', kernel: NEW, timeoutMs: 60_000 },
  ...{ confirmWithinMs: 90_000, health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 300 } },
  package: { file: 'kernel.deb', name: NAME, version: '1', architecture: 'all' },
};
const confirmation: ConfirmStep = {
  ...{ id: confirmStepId(step.id), type: 'confirm', kernel: NEW, package: NAME },
  health: { ...step.health, probes: [{ type: 'unit', unit: 'app.service' }] },
};

let folder: string;
let places: Places;
let running: string;
/** What the health's probe says. */
let sick: string | null;
const path = process.env['PATH'];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-kernel-'));
  places = placesUnder(folder);
  [running, sick] = [OLD, null];
  write(places.on(CONFIG), grubConfig([OLD]));
  write(places.on('/boot/grub/grubenv'), grubEnvironment({}));
  mkdirSync(places.units, { recursive: true });
  write(places.on(`/boot/vmlinuz-${OLD}`), 'kernel');
  write(places.on('/menus/plain'), grubConfig([NEW, OLD]));
  write(places.on('/menus/prepared'), grubConfig([NEW, OLD], { isPrepared: true }));
  write(join(folder, 'release/kernel.deb'), 'package');
  write(places.on('/var/lib/dpkg/status'), '');
  program('/bin/dpkg', dpkg);
  program('/bin/grub-editenv', grubEditenv);
  program('/usr/bin/grub-editenv', 'exit 1');
  program('/usr/sbin/update-grub', updateGrub);
  process.env['PATH'] = `${places.on('/bin')}:${path ?? ''}`;
});
afterEach(() => {
  process.env['PATH'] = path;
  rmSync(folder, { recursive: true, force: true });
});

const program = (file: string, does: string): void =>
  writeProgram(places.on(file), `cd ${places.root}\n${does}`, 'bash');

/** Installs and purges the one package there is; its scripts call update-grub by its name, as Debian's do. */
const dpkg = `
case $1 in
  --install)
    echo new > boot/vmlinuz-${NEW}; echo new > boot/initrd.img-${NEW}
    printf 'Package: ${NAME}\\nStatus: install ok installed\\nVersion: 1\\n' > var/lib/dpkg/status
    update-grub ;;
  --purge) rm -f boot/*-${NEW}; : > var/lib/dpkg/status; update-grub ;;
esac`;
const updateGrub =
  'if [ -e etc/default/grub.d/zz-refit.cfg ]; then cp menus/prepared "$2"; else cp menus/plain "$2"; fi';
/** In bash: to its first bytes come the variables, to its length the filling. */
const grubEditenv = `
file=$1; verb=$2; shift 2
lines=$(grep -a -v '^#' "$file" | tr -d '#')
for word; do
  lines=$(printf '%s\\n' "$lines" | grep -v "^\${word%%=*}=")
  [ "$verb" = unset ] || lines=$(printf '%s\\n%s' "$lines" "$word")
done
text=$(printf '# GRUB Environment Block\\n%s\\n' "$(printf '%s\\n' "$lines" | sed '/^$/d')"; echo x); text=\${text%x}
printf '%s' "$text" > "$file"
head -c $((1024 - \${#text})) /dev/zero | tr '\\0' '#' >> "$file"`;

const kind = kernelKind(() => running);
const confirm = confirmKind(() => running, { check: () => Promise.resolve(sick) });
const loader = (): BootLoader => needBootLoader(places);

const site = (before: Json = null): StepSite => stepSite(folder, places, { before });

/** Installed, armed, and started as GRUB does it. */
async function started(): Promise<{ readonly kernel: Json; readonly confirm: Json }> {
  const before = await kind.capture(step, site());
  await kind.apply(step, site(before));
  await loader().clearOnce(runs);
  running = NEW;
  return { kernel: before, confirm: await confirm.capture(confirmation, site()) };
}
const runs = async (command: readonly string[]): Promise<void> => {
  await mustRun(command, { timeoutMs: 10_000 });
};
const captured = async (): Promise<Json> => kind.capture(step, site());

describe('a kernel', () => {
  test('is installed beside the one that runs, which stays the default; its one start is armed last', async () => {
    const before = await kind.capture(step, site());
    await kind.apply(step, site(before));

    expect([loader().defaultKernel(), loader().once(), kernelOnTrial(places)]).toEqual([OLD, NEW, NEW]);
    expect(await kind.check(step, site(before))).toBe(true);
    expect(await kind.verify(step, site(before))).toMatchObject({ problem: `kernel ${OLD} runs, expected ${NEW}` });
  });

  test('that is healthy becomes the default, and is on trial no more', async () => {
    const before = await started();

    await confirm.apply(confirmation, site(before.confirm));

    expect([loader().defaultKernel(), loader().once(), kernelOnTrial(places)]).toEqual([NEW, null, null]);
    expect(await confirm.check(confirmation, site(before.confirm))).toBe(true);
  });

  test('that is not healthy in time is not confirmed, with the probe’s words', async () => {
    const before = await started();
    sick = 'app.service is failed';

    const applied = confirm.apply(confirmation, site(before.confirm));

    await expect(applied).rejects.toThrow(`on kernel ${NEW} not healthy within 0 s: app.service is failed`);
    expect([loader().defaultKernel(), kernelOnTrial(places)]).toEqual([OLD, NEW]);
  });

  test('whose time was over before it was healthy goes back, whatever it is now', async () => {
    const before = await started();
    rmSync(places.on('/etc/refit-kernel/trial'));
    write(places.on('/etc/refit-kernel/trial.over'), '');

    await expect(confirm.apply(confirmation, site(before.confirm))).rejects.toThrow('longer confirmWithin');
    expect(loader().defaultKernel()).toBe(OLD);
  });

  test('that did not start says what that may mean', async () => {
    const before = await started();
    running = OLD;

    await expect(confirm.apply(confirmation, site(before.confirm))).rejects.toThrow(
      'did not start, or was not confirmed',
    );
  });

  test('is taken back as if it had never been there', async () => {
    const config = readFileSync(places.on(CONFIG), 'utf8');
    const before = await started();
    await confirm.apply(confirmation, site(before.confirm));

    await confirm.undo(confirmation, site(before.confirm));
    await kind.undo(step, site(before.kernel));
    expect(await kind.needsRestart?.(step, site(before.kernel))).toBe(true);
    running = OLD;
    write(places.on('/menus/plain'), config);
    await kind.settle(step, site(before.kernel));

    expect(readFileSync(places.on(CONFIG), 'utf8')).toBe(config);
    expect([loader().defaultKernel(), loader().saved(), loader().once()]).toEqual([OLD, null, null]);
    for (const left of [`/boot/vmlinuz-${NEW}`, '/etc/refit-kernel', '/var/lib/refit/boot-programs']) {
      expect(existsSync(places.on(left)), left).toBe(false);
    }
    expect(notedKernels(places)).toEqual([]);
  });

  test('on trial is taken back by the restart alone where it can’t read /boot; the earlier one settles the rest', async () => {
    const before = await started();
    renameSync(places.on('/boot'), places.on('/unmounted'));
    expect(() => confirm.check(confirmation, site(before.confirm))).toThrow('no boot loader');
    await kind.undo(step, site(before.kernel));
    const during = [await kind.needsRestart?.(step, site(before.kernel)), kernelOnTrial(places)];
    running = OLD;
    renameSync(places.on('/unmounted'), places.on('/boot'));
    write(places.on('/menus/plain'), grubConfig([OLD]));
    await kind.settle(step, site(before.kernel));

    expect(during).toEqual([true, NEW]);
    expect([loader().defaultKernel(), loader().once(), kernelOnTrial(places)]).toEqual([OLD, null, null]);
  });

  test('that was confirmed is not taken back without the boot loader', async () => {
    const before = await started();
    await confirm.apply(confirmation, site(before.confirm));
    rmSync(places.on('/boot'), { recursive: true });

    await expect(kind.undo(step, site(before.kernel))).rejects.toThrow('no boot loader');
  });

  test.each([
    ['is installed at another version', `Package: ${NAME}\nStatus: hold ok installed\nVersion: 0\n`, 'overwrite it'],
    ['is half installed', `Package: ${NAME}\nStatus: install ok half-configured\nVersion: 1\n`, 'dpkg --configure -a'],
  ])('whose package %s is refused before anything is changed', async (_, status, problem) => {
    write(places.on('/var/lib/dpkg/status'), status);

    await expect(captured()).rejects.toThrow(problem);
    expect(loader().isPrepared()).toBe(false);
  });

  test('is refused where the one that runs could not be started again', async () => {
    rmSync(places.on(`/boot/vmlinuz-${OLD}`));

    await expect(captured()).rejects.toThrow('could not start it again');
  });

  test('whose package brings no image is not started', async () => {
    program(
      '/bin/dpkg',
      `printf 'Package: ${NAME}\\nStatus: install ok installed\\nVersion: 1\\n' > var/lib/dpkg/status`,
    );
    const before = await kind.capture(step, site());

    await expect(kind.apply(step, site(before))).rejects.toThrow(/vmlinuz-.* is not there or empty/);
    expect(loader().once()).toBeNull();
  });
});

describe('kernels of earlier upgrades', () => {
  /** Journal, kernel, and what ran before it. */
  const note = ([journal, kernel, earlier]: readonly [string, string, string], isOwn = true): void => {
    noteKernel(places, { journal, kernel, package: `linux-image-${kernel}`, earlier, isOwn });
    write(join(places.journal, `${journal}.jsonl`), '');
  };
  const outlived = (now: string): readonly string[] => outlivedKernels(places, now).map(({ kernel }) => kernel);

  test('stay as long as a way back leads to them, and one that runs always', () => {
    note(['1', 'K1', 'K0']);
    note(['2', 'K2', 'K1']);
    note(['3', 'K3', 'K2']);
    const all = outlived('K3');
    rmSync(join(places.journal, '2.jsonl'));

    expect([all, outlived('K3'), outlived('K1')]).toEqual([[], ['K1'], ['K3']]);
  });

  test('that an administrator installed stay', () => {
    note(['1', 'K1', 'K0'], false);
    note(['2', 'K2', 'K1']);
    rmSync(join(places.journal, '2.jsonl'));

    expect(outlived('K2')).toEqual([]);
  });

  test('that are outlived only under a later release are removed by that', async () => {
    const before = await started();
    await confirm.apply(confirmation, site(before.confirm));
    note(['0', 'K0', 'K']);
    note(['1', NEW, 'K0']);
    const isDone = [await confirm.check(confirmation, site())];
    rmSync(join(places.journal, '1.jsonl'));
    isDone.push(await confirm.check(confirmation, site()));
    await confirm.apply(confirmation, site(before.confirm));
    isDone.push(await confirm.check(confirmation, site()));

    expect(isDone).toEqual([true, false, true]);
    expect(notedKernels(places).map(({ kernel }) => kernel)).not.toContain('K0');
  });

  test('that can’t be removed are no reason to go back: the host says so, and the next release tries again', async () => {
    const before = await started();
    note(['0', 'K0', 'K']);
    program('/bin/dpkg', 'case $1 in --purge) echo broken >&2; exit 2 ;; esac');
    write(places.on('/var/lib/dpkg/status'), 'Package: linux-image-K0\nStatus: install ok installed\nVersion: 1\n');

    await confirm.apply(confirmation, site(before.confirm));
    const kept = await confirm.verify(confirmation, site(before.confirm));
    program('/bin/dpkg', 'exit 0');
    await confirm.apply(confirmation, site(before.confirm));

    expect(kept).toEqual({ problem: null, measured: { 'package:linux-image-K0': 'could not be removed' } });
    expect(outlived(NEW)).toEqual([]);
  });
});

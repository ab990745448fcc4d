import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { webMembers } from '../../lab/haproxy-config.ts';
import { insideHost } from '../../lab/host.ts';
import { openLab } from '../../lab/lab.ts';
import { planLab } from '../../lab/plan.ts';
import { parseState, writeState } from '../../lab/state.ts';
import { chooseAccelerator } from '../../lab/vm/accelerator.ts';
import { emulator, machineOptions } from '../../lab/vm/emulator.ts';
import { readKernels } from '../../lab/vm/template.ts';
import { aLab } from './a-lab.ts';

const guest = join(import.meta.dirname, '../../lab/vm/machine-image/root/usr/local/bin/guest');

type Output = { readonly stdout: string; readonly stderr: string; readonly exitCode: number | undefined };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-machine-'));
});

afterEach(() => rm(folder, { recursive: true }));

describe('the accelerator of a lab’s machines', () => {
  const on = (...there: readonly string[]): ReturnType<typeof chooseAccelerator> =>
    chooseAccelerator((path) => Promise.resolve(there.includes(path)));

  it('is the processor’s own where its module and its device are there', async () => {
    expect(await on('/sys/module/kvm_intel', '/dev/kvm')).toBe('kvm');
    expect(await on('/sys/module/kvm_amd', '/dev/kvm')).toBe('kvm');
  });

  it('is emulation where a device opens that no such module is behind', async () => {
    expect(await on('/dev/kvm')).toBe('tcg');
  });

  it('is emulation where the device can’t be opened', async () => {
    expect(await on('/sys/module/kvm_intel')).toBe('tcg');
  });
});

describe('the emulator of a machine', () => {
  it('hands every port that a lab host serves on to the machine', () => {
    const line = emulator('tcg').join(' ');

    const ports = [2_376, 2_379, 2_380, 8_080, ...webMembers.map(({ port }) => port)];
    for (const port of ports) expect(line).toContain(`hostfwd=tcp::${port}-:${port}`);
    expect(line).toContain('hostfwd=tcp::2222-:22');
  });

  it('goes on when the machine restarts itself, and shows its console in the container’s log', () => {
    for (const accelerator of ['kvm', 'tcg'] as const) {
      const line = emulator(accelerator);

      expect(line).not.toContain('-no-reboot');
      expect(line.join(' ')).toContain('-serial stdio');
    }
  });

  it('gets the device only where the processor’s own machines are used', () => {
    expect(machineOptions('kvm')).toEqual(['--device=/dev/kvm']);
    expect(machineOptions('tcg')).toEqual([]);
    expect(emulator('tcg')).not.toContain('kvm');
  });
});

describe('a command on a machine', () => {
  it('goes through the container to the machine, and no further than the container where there is none', () => {
    expect(insideHost({ lab: 'lab', vm: true }, 'host-2')).toEqual([
      'exec',
      'refit-lab-host-2',
      '/usr/local/bin/guest',
    ]);
    expect(insideHost({ lab: 'lab', vm: false }, 'host-2')).toEqual(['exec', 'refit-lab-host-2']);
  });

  /** The script with a shell at the other end, as the machine has one; there is neither a network nor a key. */
  async function run(argv: readonly string[], input = ''): Promise<Output> {
    await program('ssh', 'for last; do :; done\nexec sh -c "$last"');
    await program('cp', 'exit 0');
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}` };
    const found = await execa('sh', [guest, ...argv], { env, input, reject: false, stripFinalNewline: false });
    return { stdout: found.stdout, stderr: found.stderr, exitCode: found.exitCode };
  }

  async function program(name: string, script: string): Promise<void> {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }

  it('has the very words that it was given, whatever is in them', async () => {
    const words = ['two words', "it's", '$HOME', '`id`', '"', '\\', '', '*', ';exit 3', 'two\nlines'];

    const { stdout } = await run(['printf', '%s|', ...words]);

    expect(stdout).toBe(words.map((word) => `${word}|`).join(''));
  });

  it('has the input, the outputs and the exit code of the command', async () => {
    const found = await run(['sh', '-c', 'cat; echo wrong >&2; exit 7'], 'given');

    expect(found).toEqual({ stdout: 'given', stderr: 'wrong\n', exitCode: 7 });
  });
});

describe('the kernels of a template', () => {
  it('are read from it, with the place of the package on this machine', async () => {
    const next = { file: 'next.deb', package: 'linux-image-6.1.0-56', version: '6.1.192-2', kernel: '6.1.0-56' };
    await writeFile(join(folder, 'kernels.json'), JSON.stringify({ installed: { kernel: '6.1.0-50' }, next }));

    const found = await readKernels({ folder });

    expect(found).toEqual({ installed: { kernel: '6.1.0-50' }, next: { ...next, file: join(folder, 'next.deb') } });
  });
});

describe('the kind of a lab’s hosts', () => {
  it('is containers where the state is of before there were machines', () => {
    const { vm, ...before } = aLab({ hosts: 1 });

    expect(vm).toBe(false);
    expect(parseState(JSON.stringify(before), 'lab.json').vm).toBe(false);
  });

  it('is kept, and three machines are enough where nothing is said', async () => {
    const old = await planLab('lab', '10.213.7.0/24', { wanted: undefined, old: undefined, vm: true });

    expect(old.hosts).toHaveLength(3);
    expect(await planLab('lab', '10.213.7.0/24', { wanted: undefined, old })).toEqual(old);
  });

  it('can’t be changed: a lab of containers refuses machines and says what to do', async () => {
    const lab = openLab('kinds', folder);
    await writeState(lab.paths.stateFile, aLab({ hosts: 1, name: 'kinds' }));

    const up = await lab.up({ vm: true });

    expect(up.kind === 'refused' && up.reason).toMatch(/kinds are containers;.*refit lab down/);
    expect(await readFile(lab.paths.stateFile, 'utf8')).toContain('"vm": false');
  });

  it('can’t be machines for worker and API as containers on them', async () => {
    const up = await openLab('kinds', folder).up({ vm: true, upgrader: 'containers' });

    expect(up.kind === 'refused' && up.reason).toMatch(/need hosts that are containers/);
  });
});

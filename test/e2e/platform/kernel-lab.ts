import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { docker } from '../../../lab/docker.ts';
import { openLab, type Lab } from '../../../lab/lab.ts';
import { containerName } from '../../../lab/paths.ts';
import { ensureTemplate, readKernels } from '../../../lab/vm/template.ts';
import { commandLine, type CommandLine } from './command-line.ts';
import { repackKernel, type KernelSource, type KernelVariant } from './kernel-packages.ts';

/** An emulated host installs a kernel and restarts in five minutes; three do it one after another. */
const COMMAND_TIMEOUT_MS = 2_400_000;

const REPOSITORY = 'registry.lab:5000/host-os';

export type KernelRelease = {
  readonly version: string;
  readonly kernel: KernelVariant;
  /** The kernel's own health never holds on it. */
  readonly isSick?: boolean;
};

/** What says of a host which kernel it is on, and which it will be on. */
export type KernelStanding = {
  readonly running: string;
  readonly bootId: string;
  /** Kernel of the entry that is booted next, and of the one-shot entry; null: there is none. */
  readonly entry: string | null;
  readonly once: string | null;
  readonly isOnTrial: boolean;
  /** Of the new kernel's package, by dpkg; null: none. */
  readonly package: string | null;
  /** Names of the containers that run. */
  readonly containers: string;
};

/** A lab of virtual machines, and releases that bring them another kernel. */
export interface KernelLab extends AsyncDisposable, CommandLine {
  readonly lab: Lab;
  /** `uname -r` of the template's kernel and of the releases'. */
  readonly before: string;
  readonly after: string;
  publish(release: KernelRelease): Promise<string>;
  standing(host: string): Promise<KernelStanding>;
  onHost(host: string, script: string): Promise<string>;
  /** What the host has said on its serial port since then: boot loader, kernel, service manager. */
  console(host: string, since: Date): Promise<string>;
}

export async function openKernelLab(name: string, hosts: number): Promise<KernelLab> {
  const lab = openLab(name);
  const say = (line: string): void => void process.stderr.write(`lab ${name}: ${line}\n`);
  if ((await lab.state()) !== undefined) await lab.down(say);
  const up = await lab.up({ vm: true, hosts, say });
  if (up.kind === 'refused') throw new Error(up.reason);
  const { installed, next } = await readKernels(await ensureTemplate(say));
  const folder = await mkdtemp(join(tmpdir(), 'refit-kernels-'));
  const line = commandLine(lab, COMMAND_TIMEOUT_MS);
  const onHost: KernelLab['onHost'] = async (host, script) => {
    const { exitCode, stdout, stderr } = await lab.exec(host, ['sh', '-c', script]);
    if (exitCode !== 0) throw new Error(`${script} on ${host}: ${stderr || stdout}`);
    return stdout.trim();
  };
  return {
    ...{ lab, ...line, onHost, before: installed.kernel, after: next.kernel },
    publish: async (release) => publish(line, { ...release, source: next, folder }),
    console: (host, since) => docker(['logs', `--since=${since.toISOString()}`, containerName(name, host)]),
    standing: async (host) => standingOf(await onHost(host, standingScript(next.package))),
    [Symbol.asyncDispose]: async () => {
      await lab.down(say);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Publish = KernelRelease & { readonly source: KernelSource; readonly folder: string };

async function publish({ json }: CommandLine, { source, folder, ...release }: Publish): Promise<string> {
  const dir = join(folder, release.version);
  await mkdir(dir, { recursive: true });
  const made = join(folder, `${release.kernel}.deb`);
  await repackKernel(source, release.kernel, made);
  await copyFile(made, join(dir, 'kernel.deb'));
  await writeFile(join(dir, 'release.yaml'), manifest(source.kernel, release));
  const to = `${REPOSITORY}:${release.version}`;
  return (await json<{ readonly reference: string }>(['release', 'build', dir, '--push', to])).reference;
}

/** Deadlines are an emulated host's. */
const manifest = (kernel: string, { version, kernel: variant, isSick = false }: KernelRelease): string => `name: host-os
version: ${version}
host:
  deadline: 25m
  diskFree: 100MiB
  steps:
    - id: kernel
      type: kernel
      file: kernel.deb
      timeout: 3m
      confirmWithin: ${variant === 'unconfirmed' ? '90s' : '5m'}
      health:
        minHealthyTime: 1s
        deadline: ${isSick ? '20s' : variant === 'unconfirmed' ? '1m' : '4m'}
        probes:
          - { type: unit, unit: docker.service }
${isSick ? `          - { type: exec, command: [sh, -c, 'test "$(uname -r)" != ${kernel}'] }\n` : ''}  health:
    minHealthyTime: 1s
    deadline: 1m
    probes:
      - { type: unit, unit: docker.service }
`;

/** One line each, in the order of KernelStanding. */
const standingScript = (name: string): string =>
  [
    'uname -r',
    'cat /proc/sys/kernel/random/boot_id',
    'entry() { grub-editenv - list | sed -n "s/^$1=//p"; }',
    'echo "entry $(entry saved_entry)"',
    'echo "once $(entry next_entry)"',
    'test -e /etc/refit-kernel/trial && echo trial || echo settled',
    `echo "package $(dpkg-query --show --showformat='\${db:Status-Status} \${Version}' ${name} 2>/dev/null)"`,
    `echo "containers $(docker ps --format '{{.Names}}' | sort | tr '\\n' ' ')"`,
  ].join('\n');

function standingOf(text: string): KernelStanding {
  const [running = '', bootId = '', entry = '', once = '', trial = '', status = '', containers = ''] = text.split('\n');
  return {
    ...{ running, bootId, entry: kernelIn(entry), once: kernelIn(once), isOnTrial: trial === 'trial' },
    package: status.replace(/^package ?/, '').replace(/^not-installed.*$/, '') || null,
    containers: containers.replace(/^containers ?/, '').trim(),
  };
}

/** `gnulinux-6.1.0-50-cloud-amd64-advanced-<uuid>`, or a title that ends with the kernel. */
const kernelIn = (entry: string): string | null => /\d+\.\d+\.\d+-\d+(?:-[a-z]+)*-amd64/.exec(entry)?.[0] ?? null;

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Say } from '../lab/programs.ts';
import { ensureTemplate, readKernels } from '../lab/vm/template.ts';
import { notYet, ready, waitFor } from '../lab/deadline.ts';
import { journalOf, seconds, timeSplit, type TimeSplit } from '../test/e2e/platform/kernel-journal.ts';
import { openKernelLab, type KernelLab } from '../test/e2e/platform/kernel-lab.ts';
import { repackKernel } from '../test/e2e/platform/kernel-packages.ts';

const LAB = 'bench-vm';
const HOST = 'host-1';
/** An emulated host that restarts; ms. */
const BACK_MS = 600_000;

/** s. `whole`: from the first command until the engine of the restarted host answers, or until refit has said that all is done. */
export type KernelTimes = {
  readonly byHand: { readonly install: number; readonly restart: number; readonly whole: number };
  readonly refit: TimeSplit & { readonly whole: number };
};

/** One host to another kernel: by its package and a restart, and by refit. Each on a new host, from the same template. */
export async function measureKernel(say: Say): Promise<KernelTimes> {
  say('a kernel by hand, on a virtual machine');
  const byHand = await onNewHost(measureByHand);
  say('the same kernel by refit');
  const refit = await onNewHost(measureRefit);
  return { byHand, refit };
}

async function onNewHost<Times>(measure: (site: KernelLab) => Promise<Times>): Promise<Times> {
  await using site = await openKernelLab(LAB, 1);
  return await measure(site);
}

/** Without any of what makes a host come back from a kernel that does not start. */
async function measureByHand(site: KernelLab): Promise<KernelTimes['byHand']> {
  await putPackage(site);
  const startedAt = performance.now();
  await site.onHost(HOST, 'DEBIAN_FRONTEND=noninteractive dpkg -i /root/kernel.deb');
  const installedAt = performance.now();
  await site.lab.exec(HOST, ['systemctl', 'reboot']);
  await waitFor({ what: `${HOST} on its new kernel`, deadlineMs: BACK_MS }, async () => {
    const { exitCode, stdout } = await site.lab.exec(HOST, ['sh', '-c', 'uname -r && docker version > /dev/null']);
    return exitCode === 0 && stdout.trim() === site.after ? ready(true) : notYet(stdout.trim() || 'no answer');
  });
  const backAt = performance.now();
  return {
    install: seconds(installedAt - startedAt),
    restart: seconds(backAt - installedAt),
    whole: seconds(backAt - startedAt),
  };
}

async function measureRefit(site: KernelLab): Promise<KernelTimes['refit']> {
  const reference = await site.publish({ version: '1.0.0', kernel: 'sound' });
  const startedAt = performance.now();
  await site.json(['upgrade', reference]);
  const whole = seconds(performance.now() - startedAt);
  return { ...timeSplit(await journalOf(site, HOST)), whole };
}

/** As somebody copies it there beforehand. */
async function putPackage({ lab }: KernelLab): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'refit-bench-kernel-'));
  try {
    const { next } = await readKernels(await ensureTemplate(() => undefined));
    const file = join(folder, 'kernel.deb');
    await repackKernel(next, 'sound', file);
    const input = (await readFile(file)).toString('base64');
    const { exitCode, stderr } = await lab.exec(HOST, ['sh', '-c', 'base64 -d > /root/kernel.deb'], { input });
    if (exitCode !== 0) throw new Error(`the package did not get onto ${HOST}: ${stderr}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

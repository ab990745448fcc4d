import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import { journalOf, timeSplit } from './platform/kernel-journal.ts';
import { openKernelLab, type KernelLab, type KernelRelease, type KernelStanding } from './platform/kernel-lab.ts';
import type { Upgrade } from './platform/refit.ts';

/** Virtual machines take minutes: one in the ordinary run. */
const HOSTS = isNightly ? 3 : 1;
/** The first time on a machine, template and packages are made; ms. */
const UP_WITHIN_MS = 1_200_000;
/** Three emulated hosts, one after another, each with a restart or two; ms. */
const UPGRADE_WITHIN_MS = 1_500_000;
/** A container of the host's: it is there again after every restart. */
const KEPT = 'kept';
/** Made of the host's own files, since an emulated host takes long to pull anything. */
const START_KEPT = [
  'cd / && tar -ch bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 | docker import - kept >&2',
  `docker run --detach --restart always --name ${KEPT} kept /bin/sleep infinity >&2`,
].join(' && ');

const hosts = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}`);

let site: KernelLab;
let count = 0;
beforeAll(async () => {
  site = await openKernelLab('vm', HOSTS);
  await Promise.all(hosts.map((host) => site.onHost(host, START_KEPT)));
}, UP_WITHIN_MS);
afterAll(() => site[Symbol.asyncDispose](), UP_WITHIN_MS);

type Release = { readonly version: string; readonly reference: string };
async function publish(release: Omit<KernelRelease, 'version'>): Promise<Release> {
  count += 1;
  const version = `1.${count}.0`;
  return { version, reference: await site.publish({ ...release, version }) };
}

async function standings(): Promise<readonly KernelStanding[]> {
  return eventually(
    async () => {
      const found = await Promise.all(hosts.map((host) => site.standing(host)));
      expect(found.map(({ containers }) => containers)).toEqual(hosts.map(() => KEPT));
      return found;
    },
    { withinMs: UPGRADE_WITHIN_MS, everyMs: 1_000 },
  );
}

/** On the kernel, also after any restart to come, and with nothing under way. */
const settledOn = (kernel: string): object => ({ running: kernel, entry: kernel, once: null, isOnTrial: false });

const faults: readonly (readonly [string, Omit<KernelRelease, 'version'>])[] = [
  ['panics', { kernel: 'panics' }],
  ['does not load', { kernel: 'does-not-load' }],
  ['starts without an agent that confirms it', { kernel: 'unconfirmed' }],
  ['starts, and never gets healthy', { kernel: 'sound', isSick: true }],
];

test.each(sample('kernels that fail', faults, 1))(
  'a kernel that %s: its host is back on the earlier one by itself and says so, and the hosts after it are not touched',
  async (_, fault) => {
    const { reference } = await publish(fault);
    const before = await standings();

    const waiting = await site.json<Upgrade>(['upgrade', reference], 4);

    const [first, ...others] = await standings();
    expect(waiting.hosts.map(({ state }) => state)).toEqual(['reverted', ...others.map(() => 'staged')]);
    expect(waiting.hosts[0]?.error).toMatch(/kernel|healthy/);
    expect(first).toMatchObject({ running: site.before, once: null, isOnTrial: false, package: null });
    expect([null, site.before]).toContain(first?.entry);
    expect(first?.bootId).not.toBe(before[0]?.bootId);
    expect(others.map(({ bootId }) => bootId)).toEqual(before.slice(1).map(({ bootId }) => bootId));
    await site.json(['abort', waiting.id, '--reason', 'end of a test']);
  },
  UPGRADE_WITHIN_MS,
);

test.each(sample('strategies of a kernel', ['serial', 'daisy-chain'], 1))(
  'every host goes to the next kernel (%s), which becomes its default, with its containers back, and comes back from it',
  async (install) => {
    const { reference } = await publish({ kernel: 'sound' });
    const plan = await site.refit(['plan', reference, '--install', install]);
    const before = await standings();

    const upgrade = await site.json<Upgrade>(['upgrade', reference, '--install', install]);

    expect(plan.stdout).toContain(`${site.before} → ${site.after}`);
    expect(upgrade.hosts.map(({ state }) => state)).toEqual(hosts.map(() => 'done'));
    const after = await standings();
    for (const [index, host] of hosts.entries()) {
      expect(after[index], host).toMatchObject(settledOn(site.after));
      expect(after[index]?.bootId, host).not.toBe(before[index]?.bootId);
      console.info(host, 'seconds:', timeSplit(await journalOf(site, host)));
    }
    const { hosts: shown } = await site.json<{ hosts: readonly { kernel: string }[] }>(['fleet', 'status']);
    expect(shown.map(({ kernel }) => kernel)).toEqual(hosts.map(() => site.after));
    if (!isNightly) return;

    const back = hosts.map((host) => site.refit(['host', 'rollback', '--local', reference, '--host', host]));
    for (const { exitCode, stderr } of await Promise.all(back)) expect(exitCode, stderr).toBe(0);

    for (const host of await standings()) expect(host).toMatchObject({ running: site.before, package: null });
  },
  UPGRADE_WITHIN_MS,
);

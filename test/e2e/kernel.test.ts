import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import { journalOf, timeSplit } from './platform/kernel-journal.ts';
import { goWay, losePower, powerCuts, WAY_WITHIN_MS, type Cut, type Way } from './platform/power-cuts.ts';
import { openKernelLab, type KernelLab, type KernelRelease, type KernelStanding } from './platform/kernel-lab.ts';
import type { Upgrade } from './platform/refit.ts';

/** Virtual machines take minutes: one in the ordinary run. */
const HOSTS = isNightly ? 3 : 1;
/** The first time on a machine, template and packages are made; ms. */
const UP_WITHIN_MS = 1_200_000;
/** Three emulated hosts, one after another, each with a restart or two; ms. */
const UPGRADE_WITHIN_MS = 2_700_000;
/** A container of the host's: it is there again after every restart. */
const KEPT = 'kept';
/** Made of the host's own files, since an emulated host takes long to pull anything. */
const START_KEPT = [
  'cd / && tar -ch bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 | docker import - kept >&2',
  `docker run --detach --restart always --name ${KEPT} kept /bin/sleep infinity >&2`,
].join(' && ');

const hosts = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}`);

let site: KernelLab;
/** The sound kernel's. */
let sound: string;
let count = 0;
beforeAll(async () => {
  site = await openKernelLab('vm', HOSTS);
  await Promise.all(hosts.map((host) => site.onHost(host, START_KEPT)));
  sound = await publish({ kernel: 'sound' });
}, UP_WITHIN_MS);
afterAll(() => site[Symbol.asyncDispose](), UP_WITHIN_MS);

async function publish(release: Omit<KernelRelease, 'version'>): Promise<string> {
  count += 1;
  return site.publish({ ...release, version: `1.${count}.0` });
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
    const reference = await publish(fault);
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
    const plan = await site.refit(['plan', sound, '--install', install]);
    const before = await standings();

    const upgrade = await site.json<Upgrade>(['upgrade', sound, '--install', install]);

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

    const back = hosts.map((host) => goWay({ site, reference: sound }, host, 'rollback'));
    for (const { exitCode, stderr } of await Promise.all(back)) expect(exitCode, stderr).toBe(0);

    for (const host of await standings()) expect(host).toMatchObject({ running: site.before, package: null });
  },
  UPGRADE_WITHIN_MS,
);

/** An ordinary run has left its host on the new kernel. */
const cuts = isNightly
  ? powerCuts
  : sample(
      'losses of power in a kernel’s rollback',
      powerCuts.filter(({ way }) => way === 'rollback'),
      1,
    );
/** Two emulated hosts at work beside each other take longer than one after the other. */
const cutHost = 'host-1';

test(
  `the power goes at each record of a kernel’s upgrade and rollback (${cuts.length} times): every time the host is on one kernel or the other, whole, and says so`,
  async () => {
    const ways = { site, reference: sound };
    const pending = [...cuts];
    const take = (way: Way): Cut | undefined => {
      const index = pending.findIndex((cut) => cut.way === way);
      return index === -1 ? undefined : pending.splice(index, 1)[0];
    };
    while (pending.length > 0) {
      const way = (await site.standing(cutHost)).running === site.before ? 'upgrade' : 'rollback';
      const cut = take(way);
      if (cut !== undefined) await losePower(ways, cutHost, cut);
      else expect((await goWay(ways, cutHost, way)).exitCode, way).toBe(0);
    }
  },
  cuts.length * WAY_WITHIN_MS,
);

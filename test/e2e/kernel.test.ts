import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import { journalOf, timeSplit } from './platform/kernel-journal.ts';
import {
  cutMeanwhile,
  cutText,
  goWay,
  losePower,
  passedCuts,
  powerCuts,
  WAY_WITHIN_MS,
} from './platform/power-cuts.ts';
import { openKernelLab, type KernelLab, type KernelRelease, type KernelStanding } from './platform/kernel-lab.ts';
import type { Upgrade } from './platform/refit.ts';

/** Virtual machines take minutes: one in the ordinary run. */
const HOSTS = isNightly ? 3 : 1;
/** The first time on a machine, template and packages are made; ms. */
const UP_WITHIN_MS = 1_200_000;
/** Three emulated hosts, one after another, each with a restart or two; ms. */
const UPGRADE_WITHIN_MS = 2_700_000;
/** Until all run their container again, beside each other; ms. */
const SETTLED_WITHIN_MS = 300_000;
/** A container of the host's: it is there again after every restart. */
const KEPT = 'kept';
/** Made of the host's own files, since an emulated host takes long to pull anything. */
const START_KEPT = [
  'cd / && tar -ch bin/sleep lib64/ld-linux-x86-64.so.2 lib/x86_64-linux-gnu/libc.so.6 | docker import - kept >&2',
  `docker run --detach --restart always --name ${KEPT} kept /bin/sleep infinity >&2`,
].join(' && ');

const hosts = Array.from({ length: HOSTS }, (_, index) => `host-${index + 1}`);
/** Two emulated hosts at work beside each other take longer than one after the other. */
const cutHost = 'host-1';

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
    { withinMs: SETTLED_WITHIN_MS, everyMs: 1_000 },
  );
}

/** On the kernel, also after any restart to come, and with nothing under way. */
const settledOn = (kernel: string): object => ({ running: kernel, entry: kernel, once: null, isOnTrial: false });

/** `says`: on the host's console meanwhile; each leads back by a way of its own. */
type Fault = {
  readonly release: Omit<KernelRelease, 'version'>;
  readonly says: RegExp;
  readonly error: RegExp;
};
const FELL_BACK = /did not start, or was not confirmed in time/;
/** One restart into the kernel, and one out of it again: whoever asks for that is alive. */
const TWO_RESTARTS = /(?:systemd-shutdown\[1\]: Rebooting[^]*){2}/;
const PANIC = /Kernel panic - not syncing: VFS/;
const faults: readonly (readonly [string, Fault])[] = [
  ['panics', { release: { kernel: 'panics' }, says: PANIC, error: FELL_BACK }],
  ['does not load', { release: { kernel: 'does-not-load' }, says: /invalid magic number/, error: FELL_BACK }],
  [
    'starts without an agent that confirms it',
    { release: { kernel: 'unconfirmed' }, says: TWO_RESTARTS, error: FELL_BACK },
  ],
  [
    'starts, and never gets healthy',
    { release: { kernel: 'sound', isSick: true }, says: TWO_RESTARTS, error: /on kernel .* not healthy within 20 s/ },
  ],
];
const untouched = HOSTS > 1 ? ', and the hosts after it are not touched' : '';

test.each(sample('kernels that fail', faults, 1))(
  `a kernel that %s: its host is back on the earlier one by itself and says so${untouched}`,
  async (_, { release, says, error }) => {
    const reference = await publish(release);
    const before = await standings();
    const since = new Date();

    const waiting = await site.json<Upgrade>(['upgrade', reference], 4);

    const [first, ...others] = await standings();
    expect(waiting.hosts.map(({ state }) => state)).toEqual(['reverted', ...others.map(() => 'staged')]);
    expect(waiting.hosts[0]?.error).toMatch(error);
    expect(await site.console('host-1', since)).toMatch(says);
    expect(first).toMatchObject({ running: site.before, once: null, isOnTrial: false, package: null });
    expect([null, site.before]).toContain(first?.entry);
    expect(first?.bootId).not.toBe(before[0]?.bootId);
    expect(others.map(({ bootId }) => bootId)).toEqual(before.slice(1).map(({ bootId }) => bootId));
    await site.json(['abort', waiting.id, '--reason', 'end of a test']);
  },
  UPGRADE_WITHIN_MS,
);

/** One host is no chain. */
const strategies = HOSTS > 1 ? ['serial', 'daisy-chain'] : ['serial'];
/** Where an ordinary run loses power on its only way there, which leads to the new kernel all the same. */
const [onTheWay] = isNightly ? [] : sample('losses of power in a kernel’s upgrade', passedCuts, 1);
const lost = onTheWay === undefined ? '' : `, although the power goes ${cutText(onTheWay)}`;

test.each(strategies)(
  `every host goes to the next kernel (%s), which becomes its default, with its containers back${lost}`,
  async (install) => {
    const plan = await site.refit(['plan', sound, '--install', install]);
    const before = await standings();
    const go = async (): Promise<Upgrade> => site.json<Upgrade>(['upgrade', sound, '--install', install]);

    const upgrade =
      onTheWay === undefined ? await go() : await cutMeanwhile({ site, host: cutHost, cut: onTheWay }, go);

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

    // And comes back from it.
    const back = hosts.map((host) => goWay({ site, reference: sound }, host, 'rollback'));
    for (const { exitCode, stderr } of await Promise.all(back)) expect(exitCode, stderr).toBe(0);

    for (const host of await standings()) expect(host).toMatchObject({ running: site.before, package: null });
  },
  UPGRADE_WITHIN_MS,
);

test.runIf(isNightly).each(powerCuts.map((cut) => [cutText(cut), cut] as const))(
  'the power goes %s: the host is on one kernel or the other, whole, and says so',
  async (_, cut) => losePower({ site, reference: sound }, cutHost, cut),
  2 * WAY_WITHIN_MS,
);

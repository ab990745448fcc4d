import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../eventually.ts';
import { LOOK_EVERY_MS } from './command-line.ts';
import { BREAK_FILE, EFFECTS_FILE, HOLD_FILE, publish, type TestRelease } from './release.ts';
import { lab, onHost, refit, refitJson, removeFile, showUpgrade, type Upgrade } from './refit.ts';

export const hosts = ['host-1', 'host-2', 'host-3', 'host-4'] as const;

/** Longest an upgrade of the four hosts takes when a fault in it has to be got over. */
const UPGRADE_WITHIN_MS = 180_000;

let folder: string | null = null;
let count = 0;

/** A version that no test had before: `base` and higher ones in the order of asking. */
export function nextVersion(): string {
  count += 1;
  return `1.${Math.floor(Date.now() / 1000)}.${count}`;
}

export async function publishNext(release: Omit<TestRelease, 'version'> & { readonly version?: string } = {}): Promise<{
  readonly version: string;
  readonly reference: string;
}> {
  folder ??= await mkdtemp(join(tmpdir(), 'refit-e2e-'));
  const version = release.version ?? nextVersion();
  return { version, reference: await publish(folder, { ...release, version }) };
}

/** Starts an upgrade and comes back at once with its id. */
export async function start(reference: string, options: readonly string[] = []): Promise<string> {
  const { id } = await refitJson<{ id: string }>(['upgrade', reference, '--detach', ...options]);
  return id;
}

export async function untilUpgrade(id: string, holds: (upgrade: Upgrade) => boolean): Promise<Upgrade> {
  let last: Upgrade | null = null;
  try {
    return await eventually(
      async () => {
        last = await showUpgrade(id);
        return holds(last) ? last : null;
      },
      { withinMs: UPGRADE_WITHIN_MS, everyMs: LOOK_EVERY_MS },
    );
  } catch (error) {
    throw new Error(`upgrade ${id} is ${JSON.stringify(last)}`, { cause: error });
  }
}

export const untilOver = async (id: string): Promise<Upgrade> =>
  untilUpgrade(id, ({ state }) => ['succeeded', 'failed', 'rolledBack', 'aborted'].includes(state));

/** The host is in the middle of its install: the step `slow` runs and waits for the hold file to go. */
export async function untilHeld(host: string): Promise<void> {
  await eventually(async () => (await lab.exec(host, ['pgrep', '-f', `while . -e ${HOLD_FILE}`])).exitCode === 0, {
    withinMs: 60_000,
    everyMs: 100,
  });
}

export const installedVersion = async (host: string): Promise<string> =>
  onHost(host, ['cat', '/etc/refit-test/version']);

/** How often each step took effect on the host, by `step version`. */
export async function effects(host: string): Promise<Readonly<Record<string, number>>> {
  const lines = (await onHost(host, ['sh', '-c', `cat ${EFFECTS_FILE} || true`])).split('\n').filter(Boolean);
  return Object.fromEntries([...new Set(lines)].map((line) => [line, lines.filter((other) => other === line).length]));
}

/** Every host is at the version, and every step's effect is there once. */
export async function everyStepOnce(version: string): Promise<void> {
  await Promise.all(hosts.map(async (host) => expectStepsOnce(host, version)));
}

async function expectStepsOnce(host: string, version: string): Promise<void> {
  const [installed, done] = await Promise.all([installedVersion(host), effects(host)]);
  if (installed === version && done[`slow ${version}`] === 1 && done[`fragile ${version}`] === 1) return;
  const found = JSON.stringify({ version: installed, ...done });
  throw new Error(`${host}: expected ${version} and each step's effect once, got ${found}`);
}

/** No test leaves a held host, a broken host or a running upgrade behind. */
export async function settleFleet(): Promise<void> {
  await Promise.all(hosts.flatMap((host) => [HOLD_FILE, BREAK_FILE].map(async (file) => removeFile(host, file))));
  const upgrades = await refitJson<{ upgrades: readonly Upgrade[] } | readonly Upgrade[]>(['upgrades', 'list']);
  const list = 'upgrades' in upgrades ? upgrades.upgrades : upgrades;
  for (const { id, state } of list) {
    if (['succeeded', 'failed', 'rolledBack', 'aborted'].includes(state)) continue;
    await refit(['abort', id, '--reason', 'end of a test']);
    await untilOver(id);
  }
}

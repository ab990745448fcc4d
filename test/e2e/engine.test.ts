import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly } from '../nightly.ts';
import { enginePackages, nextVersion, type EnginePackage } from './platform/engine-packages.ts';
import {
  configOf,
  dropEnginePackages,
  engineOf,
  forgetLiveRestore,
  frontUrl,
  keepEnginePackages,
  publishEngine,
  removeContainers,
  restoreLiveRestore,
  standing,
  startContainers,
  startDirectRequests,
  startMeter,
} from './platform/engine-site.ts';
import { startRequests } from './platform/requests.ts';
import { forgetReleases } from './platform/ledger.ts';
import { onHost, refitJson, type Upgrade } from './platform/refit.ts';
import { hosts, settleFleet } from './platform/upgrade.ts';

/** The first that an upgrade of the fleet comes to. */
const HOST = 'host-1';

/** On two cores that others share, an engine with three containers is back long before; ms. */
const ENGINE_AWAY_MS = 30_000;
/** An engine that starts publishes its containers' ports anew: new connections are refused for a moment; ms. */
const PORT_AWAY_MS = 5_000;

type Ended = { readonly state: string; readonly error: string | null };

let folder: string;
let earlier: readonly EnginePackage[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-engines-'));
  // The release is of another platform than other files', and a host is of one.
  await forgetReleases();
  earlier = await enginePackages();
  await keepEnginePackages(hosts);
  await startContainers(HOST);
});
afterEach(async () => {
  await settleFleet();
  await restoreLiveRestore(HOST);
});
afterAll(async () => {
  await removeContainers(HOST);
  await dropEnginePackages(hosts);
  await forgetReleases();
  await rm(folder, { recursive: true, force: true });
});

const versionOf = (name: EnginePackage['name']): string => earlier.find((one) => one.name === name)?.version ?? 'none';
/** Of what runs, and what is installed. */
async function versions(): Promise<string> {
  const [{ version }, containerd] = [await engineOf(HOST).about(), await onHost(HOST, ['containerd', '--version'])];
  return `${version}, ${containerd}`;
}
const local = (verb: 'upgrade' | 'rollback', reference: string): readonly string[] => [
  ...['host', verb, '--local', reference, '--host', HOST],
];

/** Which containers ran through it, as the agent measured it. */
async function measured(): Promise<Readonly<Record<string, string>>> {
  const newest = 'tail -n 1 "$(ls -t /var/lib/refit/journal/*.jsonl | head -n 1)"';
  const { body } = JSON.parse(await onHost(HOST, ['sh', '-c', newest])) as {
    readonly body: { readonly measured: Readonly<Record<string, string>> };
  };
  return body.measured;
}

test('the engine and containerd go to the next version and back under containers that serve requests: these run on, though the engine was not set to leave them', async () => {
  const reference = await publishEngine('next', folder);
  await forgetLiveRestore(HOST);
  const [config, url] = [await configOf(HOST), await frontUrl(HOST)];
  await eventually(() => fetch(url), { everyMs: 100 });
  await onHost(HOST, ['docker', 'start', 'engine-plain']);
  const before = await standing(HOST);
  const [requests, direct] = [startRequests(url), await startDirectRequests(HOST)];
  const meters = { port: startMeter(() => fetch(url)), engine: startMeter(() => engineOf(HOST).about()) };

  const there = await refitJson<Ended>(local('upgrade', reference));
  const [upgraded, said, kept] = [await versions(), await measured(), await standing(HOST)];
  const back = await refitJson<Ended>(local('rollback', reference));

  const [port, engine] = [await meters.port.stop(), await meters.engine.stop()];
  const [{ answered, failed }, codes] = [await requests.stop(), await direct.stop()];
  const away = { port: port.longestMs, engine: engine.longestMs };
  console.info(`there and back: ${answered} requests to the port answered, ${failed.length} failed;`, {
    'straight to the container': codes.length,
    'longest without an answer, ms': away,
  });
  expect([there.state, back.state]).toEqual(['done', 'reverted']);
  for (const name of ['docker.io', 'containerd'] as const) {
    expect(upgraded).toContain(nextVersion(versionOf(name)));
    expect(await versions()).toContain(versionOf(name));
  }
  expect(said).toMatchObject({ 'live-restore': 'yes', 'containers:kept': '3', 'containers:restarted': '0' });
  expect([kept, await standing(HOST)]).toEqual([before, before]);
  expect(new Set(codes)).toEqual(new Set(['200']));
  expect(port.longestMs).toBeLessThan(PORT_AWAY_MS);
  expect(engine.longestMs).toBeLessThan(ENGINE_AWAY_MS);
  // What the engine was told for this alone is taken back, in the file and in the engine.
  expect(await configOf(HOST)).toBe(config);
  expect((await engineOf(HOST).about()).isLiveRestore).toBe(false);
});

test.skipIf(!isNightly).each([
  ['ends at once', 'failing', /docker\.service/],
  ['can not be configured', 'unconfigured', /dpkg/],
] as const)(
  'an engine that %s: the host is back on the earlier one, its containers never noticed, and the hosts after it are not begun',
  async (_, variant, words) => {
    const reference = await publishEngine(variant, folder);
    const before = await standing(HOST);
    const direct = await startDirectRequests(HOST);

    const waiting = await refitJson<Upgrade>(['upgrade', reference], 4);

    expect(waiting.hosts.map(({ state }) => state)).toEqual(['reverted', 'staged', 'staged', 'staged']);
    expect(waiting.hosts[0]?.error).toMatch(words);
    expect(await versions()).toContain(versionOf('docker.io'));
    expect(await standing(HOST)).toEqual(before);
    expect(new Set(await direct.stop())).toEqual(new Set(['200']));
    expect(await onHost(HOST, ['dpkg', '--audit'])).toBe('');
  },
);

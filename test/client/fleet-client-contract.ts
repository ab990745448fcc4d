import { describe, expect, test } from 'vitest';
import { WrongInput, type FleetClient } from '../../client/fleet-client.ts';
import { openRelease } from '../../client/open-release.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { Watcher } from '../../client/watch.ts';
import type { ContainerUpgrade } from '../../model/container-upgrade.ts';
import { parseHostId, parseServiceId, parseUnitId, parseUpgradeId } from '../../model/ids.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { releaseLabel } from '../../model/release.ts';
import { defaultServicePolicy, type MemberId } from '../../model/service.ts';
import { eventually } from '../eventually.ts';

/** A fleet `host-1`, `host-2` with a service `web` and a unit `shop`, asked by one of the ways to ask it. */
export type ContractSite = AsyncDisposable & {
  readonly client: FleetClient;
  /** A release for it, one for other fleets, and one that no registry has; by tag. */
  readonly references: { readonly here: string; readonly elsewhere: string; readonly nowhere: string };
  /** Who asks, as it is recorded. */
  readonly by: string;
  /** What was started goes to its end, well or not; until then it stays at work. */
  readonly letGo: () => void;
  /** A client of a fleet whose services are away. */
  readonly away: FleetClient;
};

/** Longest until what was let go is over; ms. */
const WITHIN_MS = 40_000;

const web = parseServiceId('web');
const shop = parseUnitId('shop');
const container: MemberId = { host: parseHostId('host-1'), container: 'web-1' };
const quietly: Watcher<unknown> = { onProgress: () => 'go on', onTrouble: () => undefined };

/** What every FleetClient does, whatever is behind it. */
export function keepsTheContract(name: string, open: () => Promise<ContractSite>, { isSkipped = false } = {}): void {
  describe.skipIf(isSkipped)(`a fleet, asked ${name}`, () => {
    test('is described as its file has it', async () => {
      await using site = await open();

      expect(await site.client.describe()).toEqual({
        fleet: site.client.fleet,
        hosts: ['host-1', 'host-2'].map((host) => ({ name: host, labels: {} })),
        ...{ services: ['web'], units: ['shop'], ui: null },
      });
    });

    test('tells every host, in the fleet file’s order', async () => {
      await using site = await open();

      expect((await site.client.status()).map((host) => host.name)).toEqual(['host-1', 'host-2']);
    });

    test('reads a release by its tag, and the same by its digest', async () => {
      await using site = await open();

      const read = await site.client.readRelease(site.references.here);

      const { repository, digest } = read.ref;
      expect(releaseLabel(read.ref)).toBe('sample 2.0.0');
      expect(await site.client.readRelease(`${repository}@${digest}`)).toEqual(read);
    });

    test('names the reference of a release that is not there, is none, or is for other fleets', async () => {
      await using site = await open();
      const { client, references } = site;

      for (const ask of [
        () => client.readRelease(references.nowhere),
        () => client.readRelease('nonsense'),
        () => client.plan({ reference: references.nowhere, policy: defaultPolicy }),
        () => client.plan({ reference: references.elsewhere, policy: defaultPolicy }),
        () => openRelease(client, references.elsewhere),
      ]) {
        expect(await failureOf(ask)).toMatchObject({ field: 'reference' });
      }
      expect(await failureOf(() => client.readRelease(references.nowhere))).toMatchObject({
        message: expect.stringMatching(/nothing was changed$/) as string,
      });
    });

    test('plans the same twice', async () => {
      await using site = await open();
      const request = { reference: site.references.here, policy: defaultPolicy };

      const planned = await site.client.plan(request);

      expect(planned).toMatchObject({ fleet: site.client.fleet, ...request, release: { version: '2.0.0' } });
      expect(planned.hops.flatMap(({ waves }) => waves.flatMap(({ hosts }) => hosts))).toHaveLength(2);
      expect(await site.client.plan(request)).toEqual(planned);
    });

    test('upgrades, one at a time, followed to the end', async () => {
      await using site = await open();
      const { upgrades } = site.client;
      const id = parseUpgradeId('release-day');

      const started = await start(site, id);
      const second = await start(site);
      const during = await upgrades.list();
      site.letGo();
      const end = await upgrades.watch(id, quietly, AbortSignal.timeout(WITHIN_MS));
      const again = await start(site, id);

      expect(started).toEqual({ outcome: 'started', id });
      expect(second).toEqual({ outcome: 'running', id, release: 'sample 2.0.0' });
      expect(during).toMatchObject([{ id, isRunning: true, release: 'sample 2.0.0', requestedBy: site.by }]);
      expect(end).toMatchObject({ id, state: 'succeeded' });
      expect(await upgrades.progress(id)).toEqual(end);
      expect(again).toEqual({ outcome: 'idUsed', id });
    });

    test('takes commands, or refuses them with the reason', async () => {
      await using site = await open();
      const { upgrades } = site.client;
      const { fleet } = site.client;
      const by = site.by;

      const started = await start(site);
      const id = parseUpgradeId(`${fleet}-1`);
      await eventually(async () => expect((await upgrades.progress(id))?.hosts).toHaveLength(2));
      const paused = await upgrades.command(id, { name: 'pause', by, reason: 'lunch' });
      const pausedTwice = await upgrades.command(id, { name: 'pause', by });
      const other = await upgrades.command(parseUpgradeId('other'), { name: 'pause', by });
      const resumed = await upgrades.command(id, { name: 'resume', by });
      site.letGo();
      const end = await upgrades.watch(id, quietly, AbortSignal.timeout(WITHIN_MS));

      expect(started).toEqual({ outcome: 'started', id });
      expect([paused.outcome, pausedTwice.outcome, other.outcome, resumed.outcome]).toEqual([
        ...['accepted', 'refused', 'refused', 'accepted'],
      ]);
      expect(pausedTwice).toMatchObject({ because: expect.stringContaining('paused already') as string });
      expect(end?.decisions).toContainEqual(expect.objectContaining({ decision: 'pause', because: 'lunch', by }));
      expect(await upgrades.command(id, { name: 'pause', by })).toEqual({ outcome: 'refused', because: 'it is over' });
    });

    test('has no upgrade of a name that was never given, and none to watch', async () => {
      await using site = await open();
      const { upgrades } = site.client;
      const id = parseUpgradeId('nope');

      expect(await upgrades.progress(id)).toBeNull();
      expect(await upgrades.list()).toEqual([]);
      expect(await upgrades.watch(id, quietly, AbortSignal.timeout(WITHIN_MS))).toBeNull();
    });

    test('ends a watch when its watcher says so', async () => {
      await using site = await open();
      const id = parseUpgradeId('held');
      await start(site, id);

      const stop: Watcher<unknown> = { onProgress: () => 'stop', onTrouble: () => undefined };
      const seen = await site.client.upgrades.watch(id, stop, AbortSignal.timeout(WITHIN_MS));
      site.letGo();
      await site.client.upgrades.watch(id, quietly, AbortSignal.timeout(WITHIN_MS));

      expect(seen).toMatchObject({ id, state: 'running' });
    });

    test('upgrades a service, and refuses an image that no registry has', async () => {
      await using site = await open();
      const { services } = site.client;
      const image = site.references.here;
      const common = { service: web, settings: {}, policy: defaultServicePolicy, release: null, requestedBy: site.by };

      const wrong = await failureOf(() => services.start({ ...common, image: site.references.nowhere }));
      const before = await services.latest(web);
      const started = await services.start({ ...common, image });
      const second = await services.start({ ...common, image });
      const latest = await services.latest(web);
      const look = latest === null ? null : await services.look(latest.run);
      site.letGo();
      const end = latest === null ? null : await services.watch(latest.run, quietly, AbortSignal.timeout(WITHIN_MS));

      expect(wrong).toMatchObject({ field: 'image' });
      expect(before).toBeNull();
      expect(latest).toMatchObject({ isRunning: true, release: image, requestedBy: site.by });
      expect(started).toEqual({ outcome: 'started', id: latest?.id, run: latest?.run });
      expect(second).toEqual({ outcome: 'running', id: latest?.id, release: image });
      expect(look).toMatchObject({ run: 'live', progress: { service: 'web', state: 'running' } });
      expect(end).toMatchObject({ run: 'ended', progress: { state: 'succeeded', image } });
      expect(await services.command(web, { name: 'pause', by: site.by })).toEqual({
        ...{ outcome: 'refused', because: 'it is over' },
      });
    });

    test('takes back only a service that had an upgrade', async () => {
      await using site = await open();

      expect(await site.client.services.takeBack(web, site.by)).toEqual({
        ...{ outcome: 'nothing', because: 'service web had no upgrade yet' },
      });
    });

    test('upgrades a container of a host that it has', async () => {
      await using site = await open();
      const { containers } = site.client;
      const request = { container, action: upgradeTo(site.references.here), requestedBy: site.by };
      const elsewhere = { ...container, host: parseHostId('host-9') };

      const wrong = await failureOf(() => containers.start({ ...request, container: elsewhere }));
      const before = await containers.latest(container);
      const started = await containers.start(request);
      const second = await containers.start(request);
      const latest = await containers.latest(container);
      site.letGo();
      const end = latest === null ? null : await containers.watch(latest.run, quietly, AbortSignal.timeout(WITHIN_MS));

      expect(wrong).toMatchObject({
        ...{ field: 'host', message: expect.stringContaining('its hosts: host-1, host-2') as string },
      });
      expect(before).toBeNull();
      expect(started).toEqual({ outcome: 'started', id: latest?.id, run: latest?.run });
      expect(second).toEqual({ outcome: 'running', id: latest?.id });
      expect(end).toMatchObject({ run: 'ended', progress: { ...container, state: 'succeeded' } });
    });

    test('speaks to units that its file has', async () => {
      await using site = await open();
      const { units } = site.client;
      const request = { action: { action: 'deleteStandby' }, requestedBy: site.by } as const;

      const wrong = await failureOf(() => units.start({ ...request, unit: parseUnitId('nope') }));
      const before = await units.latest(shop);
      const started = await units.start({ ...request, unit: shop });
      const latest = await units.latest(shop);
      site.letGo();
      const end = latest === null ? null : await units.watch(latest.run, quietly, AbortSignal.timeout(WITHIN_MS));

      expect(wrong).toMatchObject({ field: 'unit', message: expect.stringContaining('its units: shop') as string });
      expect(before).toBeNull();
      expect(started).toEqual({ outcome: 'started', id: latest?.id, run: latest?.run });
      expect(end?.run).not.toBe('live');
    });

    test('tells a service’s and a unit’s standing, and what could not be seen', async () => {
      await using site = await open();

      expect(await site.client.serviceStatus(web)).toMatchObject({ service: { name: 'web' } });
      expect(await site.client.unitStatus(shop)).toMatchObject({ unit: 'shop', balancer: null });
    });

    test('says who is away', async () => {
      await using site = await open();

      await expect(site.away.status()).rejects.toThrow(Unreachable);
      await expect(site.away.upgrades.list()).rejects.toThrow(Unreachable);
    });
  });
}

async function start(
  { client, references, by }: ContractSite,
  id?: ReturnType<typeof parseUpgradeId>,
): ReturnType<FleetClient['upgrades']['start']> {
  const { ref } = await openRelease(client, references.here);
  return client.upgrades.start({
    ...{ reference: references.here, digest: ref.digest, release: releaseLabel(ref), policy: defaultPolicy },
    ...{ requestedBy: by, ...(id !== undefined && { id }) },
  });
}

const upgradeTo = (image: string): ContainerUpgrade => ({
  ...{ action: 'upgrade', image, settings: {}, envFile: null, keepOldMs: 0 },
  health: { minHealthyTimeMs: 10, deadlineMs: 10_000, probe: null },
});

/** The WrongInput that a question ends with. */
async function failureOf(ask: () => Promise<unknown>): Promise<WrongInput> {
  const error: unknown = await ask().then(
    () => new Error('expected a failure, got none'),
    (reason: unknown) => reason,
  );
  if (error instanceof WrongInput) return error;
  throw error;
}

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WrongInput, type FleetClient } from '../../client/fleet-client.ts';
import { openRemoteFleet } from '../../client/remote/remote-fleet.ts';
import { Unreachable } from '../../client/unreachable.ts';
import type { StartRequest } from '../../client/upgrades.ts';
import { ensureAuthority, ensureServerCertificate } from '../../lab/certificates.ts';
import { parseUpgradeId } from '../../model/ids.ts';
import { defaultPolicy } from '../../model/policy.ts';
import { eventually } from '../eventually.ts';
import { FakeFleetClient } from '../fakes/fleet-client.ts';
import { readRelease, releaseRef } from '../fakes/release.ts';
import { startFleetApi, type FleetApi } from '../parts/fleet-api.ts';
import { startProxy } from '../parts/proxy.ts';

/** Longest until a watch that was cut off goes on; ms. */
const WITHIN_MS = 20_000;
const id = parseUpgradeId('lab-1');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-remote-'));
  await writeFile(join(folder, 'other-token'), 'somebody-elses\n');
  await writeFile(join(folder, 'empty'), '\n');
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

const file = (name: string): string => join(folder, name);

type Site = AsyncDisposable & { readonly fake: FakeFleetClient; readonly api: FleetApi };

async function openSite(...names: readonly string[]): Promise<Site> {
  const fakes = (names.length === 0 ? ['lab'] : names).map((name) => new FakeFleetClient({ name, hosts: 2 }));
  const [fake = new FakeFleetClient()] = fakes;
  fake.publish(readRelease());
  const api = await startFleetApi(fakes);
  return { fake, api, [Symbol.asyncDispose]: () => api[Symbol.asyncDispose]() };
}

const request: StartRequest = {
  ...{ reference: 'registry.lab:5000/sample:2.0.0', digest: releaseRef().digest, release: 'sample 2.0.0' },
  ...{ policy: defaultPolicy, requestedBy: 'whoever' },
};

describe('an API’s address', () => {
  test('without a fleet means the one that the token sees', async () => {
    await using site = await openSite('lab');

    const client = await openRemoteFleet({ ...site.api.access, url: `${site.api.url}/` });

    expect(client.fleet).toBe('lab');
    await client.close();
  });

  test('of several fleets has to name one, and the refusal lists them', async () => {
    await using site = await openSite('lab', 'shop');

    const refused = await failureOf(openRemoteFleet(site.api.access));
    const unknown = await failureOf(openRemoteFleet({ ...site.api.access, url: `${site.api.url}/v1/fleets/nope` }));
    const named = await openRemoteFleet({ ...site.api.access, url: `${site.api.url}/v1/fleets/shop` });

    expect(refused).toBeInstanceOf(WrongInput);
    expect(refused.message).toContain('sees lab, shop');
    expect(unknown.message).toContain('no fleet nope');
    expect(named.fleet).toBe('shop');
    await named.close();
  });

  test.each([
    ['nonsense', 'expected an API'],
    ['ftp://refit.example', 'expected an API'],
    ['https://me:secret@refit.example', 'expected an API'],
    ['https://refit.example/?fleet=lab', 'expected an API'],
  ])('%s is none', async (url, text) => {
    const error = await failureOf(openRemoteFleet({ url, tokenFile: null, caFile: null, client: null }));

    expect(error).toMatchObject({ name: 'WrongInput', field: 'api', message: expect.stringContaining(text) as string });
  });

  test('where nobody listens is unreachable, and named', async () => {
    const access = { url: 'http://127.0.0.1:1', tokenFile: null, caFile: null, client: null };

    const error = await failureOf(openRemoteFleet(access));

    expect(error).toBeInstanceOf(Unreachable);
    expect(error.message).toContain('http://127.0.0.1:1');
  });
});

describe('a token for an API', () => {
  test('that is missing or not known is wrong input, which says where to name another', async () => {
    await using site = await openSite();

    for (const tokenFile of [null, file('other-token')]) {
      const error = await failureOf(openRemoteFleet({ ...site.api.access, tokenFile }));
      expect(error).toMatchObject({ name: 'WrongInput', field: 'token' });
      expect(error.message).toContain('--token-file');
      expect(error.message).not.toContain('somebody-elses');
    }
  });

  test('comes from a file that has one', async () => {
    for (const name of ['empty', 'no-such-file']) {
      const access = { url: 'http://127.0.0.1:1', tokenFile: file(name), caFile: null, client: null };
      expect(await failureOf(openRemoteFleet(access))).toMatchObject({
        ...{ name: 'WrongInput', message: expect.stringContaining(file(name)) as string },
      });
    }
  });
});

describe('a connection to an API that breaks', () => {
  test.each(['afterRequest', 'beforeRequest'] as const)(
    'in a start (%s) leaves one upgrade, which the client has started',
    async (when) => {
      await using site = await openSite();
      await using proxy = await startProxy(site.api.url);
      const client = await openRemoteFleet({ ...site.api.access, url: proxy.url });
      // The client names its upgrade by a look at those before; what it sends next is the start.
      onceListed(site.fake, () => proxy.cutNext(when));

      const started = await client.upgrades.start({ ...request, id });

      expect(started).toEqual({ outcome: 'started', id });
      expect(await site.fake.upgrades.list()).toHaveLength(1);
      await client.close();
    },
  );

  test('in a command leaves it done once', async () => {
    await using site = await openSite();
    await using proxy = await startProxy(site.api.url);
    const client = await openRemoteFleet({ ...site.api.access, url: proxy.url });
    await client.upgrades.start({ ...request, id });

    proxy.cutNext('afterRequest');
    const paused = await client.upgrades.command(id, { name: 'pause', by: 'whoever' });

    // Asked twice the second would have been refused: it is paused already.
    expect(paused).toMatchObject({ outcome: 'accepted' });
    await client.close();
  });

  test('while a watch is open is told as trouble, and the watch goes on', async () => {
    await using site = await openSite();
    await using proxy = await startProxy(site.api.url);
    const client = await openRemoteFleet({ ...site.api.access, url: proxy.url });
    await client.upgrades.start({ ...request, id });
    const seen = watching(client);
    await eventually(() => expect(seen.states).toContain('running'), { withinMs: WITHIN_MS });

    site.fake.upgrades.move(id, { phase: 'install' });
    proxy.freeze();
    proxy.reset();
    site.fake.away = 'temporal is away';
    proxy.thaw();
    await eventually(() => expect(seen.troubles).not.toEqual([]), { withinMs: WITHIN_MS });
    site.fake.away = null;
    site.fake.finish();

    expect(await seen.end).toMatchObject({ state: 'succeeded' });
    await client.close();
  });
});

test('what is away behind an API is told to a watch, until it is back', async () => {
  await using site = await openSite();
  const client = await openRemoteFleet(site.api.access);
  await client.upgrades.start({ ...request, id });
  const seen = watching(client);
  await eventually(() => expect(seen.states).toContain('running'), { withinMs: WITHIN_MS });

  site.fake.away = 'temporal at 127.0.0.1:7233 does not answer';
  await eventually(() => expect(seen.troubles).toContain(site.fake.away), { withinMs: WITHIN_MS });
  site.fake.away = null;
  site.fake.finish();

  expect(await seen.end).toMatchObject({ state: 'succeeded' });
  await client.close();
});

test('an API of one’s own authority is trusted by its file, and knows the client by its certificate', async () => {
  await ensureAuthority(folder, 'test');
  await ensureServerCertificate(folder, { host: 'api', address: '127.0.0.1' });
  const [cert, key, ca] = await Promise.all(
    ['api.pem', 'api-key.pem', 'ca.pem'].map((name) => readFile(file(name), 'utf8')),
  );
  const tls = { cert: cert ?? '', key: key ?? '', ca: ca ?? '' };
  await using api = await startFleetApi([new FakeFleetClient()], { tls });
  const access = { ...api.access, tokenFile: null, caFile: file('ca.pem') };

  const untrusted = await failureOf(openRemoteFleet({ ...access, caFile: null }));
  const unknown = await failureOf(openRemoteFleet(access));
  const client = await openRemoteFleet({
    ...{ ...access, client: { certFile: file('client.pem'), keyFile: file('client-key.pem') } },
  });

  expect(untrusted).toMatchObject({ name: 'WrongInput', message: expect.stringContaining('--api-ca') as string });
  expect(unknown).toMatchObject({ name: 'WrongInput', field: 'token' });
  expect(client.fleet).toBe('lab');
  await client.close();
});

function onceListed({ upgrades }: FakeFleetClient, then: () => void): void {
  const list = upgrades.list.bind(upgrades);
  upgrades.list = async () => {
    upgrades.list = list;
    then();
    return list();
  };
}

/** Watches to the end, and keeps what it was told. */
function watching(client: FleetClient): {
  readonly states: readonly string[];
  readonly troubles: readonly string[];
  readonly end: ReturnType<FleetClient['upgrades']['watch']>;
} {
  const [states, troubles]: [string[], string[]] = [[], []];
  const watcher = {
    onProgress: ({ state }: { readonly state: string }): 'go on' => {
      states.push(state);
      return 'go on';
    },
    onTrouble: (message: string): void => void troubles.push(message),
  };
  return { states, troubles, end: client.upgrades.watch(id, watcher, AbortSignal.timeout(WITHIN_MS)) };
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure, got none'),
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error : new Error(String(error));
}

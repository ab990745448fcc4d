import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readImageConfig, readInspect } from '../../drivers/docker/replacement/inspected.ts';
import { wantedFrom, type Wanted, type WantedOutcome } from '../../drivers/docker/replacement/wanted.ts';
import type { ContainerSettings } from '../../model/replacement.ts';
import { matching } from '../matching.ts';
import { RUNS } from '../model/runs.ts';
import type { Fields } from './replacing/images.ts';

const ID = 'a1b2c3d4e5f6'.padEnd(64, '0');
const VOLUME = 'f'.repeat(64);

type Shown = {
  readonly config?: Fields;
  readonly host?: Fields;
  readonly networks?: Fields;
  readonly mounts?: readonly Fields[];
  readonly paused?: boolean;
};

/** As an engine shows it. */
const shown = ({ config = {}, host = {}, networks = {}, mounts = [], paused = false }: Shown): Fields => ({
  Id: ID,
  Name: '/web',
  Image: 'sha256:0',
  State: { Running: true, Paused: paused },
  Config: { Hostname: ID.slice(0, 12), ...config },
  HostConfig: { NetworkMode: 'default', ...host },
  Mounts: mounts,
  NetworkSettings: { Networks: networks },
});

type Asked = { readonly settings?: ContainerSettings; readonly image?: Fields; readonly base?: 'kept' | 'stated' };

function outcomeOf(old: Shown | null, { settings = {}, image = {}, base = 'kept' }: Asked = {}): WantedOutcome {
  const config = readImageConfig({ Config: image });
  return wantedFrom({
    name: 'web',
    image: { reference: 'web:2', config },
    old: old === null ? null : { inspect: readInspect(shown(old)), image: readImageConfig({ Config: {} }) },
    base,
    settings,
  });
}

function wantedOf(old: Shown | null, asked: Asked = {}): Wanted {
  const outcome = outcomeOf(old, asked);
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.wanted;
}

describe('a container that can not be replaced', () => {
  test.for<readonly [string, Shown, string, RegExp]>([
    ['one run with --rm', { host: { AutoRemove: true } }, 'wayBack', /web was run with --rm/],
    ['a swarm task', { config: { Labels: { 'com.docker.swarm.task.id': 'x' } } }, 'wayBack', /docker service update/],
    ['a paused one', { paused: true }, 'paused', /docker unpause web/],
  ])('%s is refused with what to do, whatever the base', ([, old, why, reason]) => {
    for (const base of ['kept', 'stated'] as const)
      expect(outcomeOf(old, { base })).toEqual({ ok: false, why, reason: matching(reason) });
  });

  test.for<readonly [ContainerSettings, RegExp]>([
    [{ ports: ['http'] }, /port such as 8080:80\/tcp, got "http"/],
    [{ volumes: ['/only'] }, /volume such as .*, got "\/only"/],
    [{ env: { 'A=B': '1' } }, /name of a variable, got "A=B"/],
    [{ memoryBytes: -1 }, /memory in bytes, got -1/],
    [{ cpus: 0 }, /processors such as 0\.5, got 0/],
  ])('settings that mean nothing are refused with the text: %j', ([settings, reason]) => {
    expect(outcomeOf({}, { settings })).toEqual({ ok: false, why: 'settings', reason: matching(reason) });
  });
});

describe('what a container is created with', () => {
  test('labels of refit’s own work stay behind, those of its services and labs do not', () => {
    const own = {
      'dev.refit.config': 'x',
      'dev.refit.was': '{}',
      'dev.refit.replaces': '',
      'dev.refit.upgrade': 'u-1',
    };
    const theirs = { 'dev.refit.service': 'shop', 'dev.refit.lab': 'demo', owner: 'somebody' };

    expect(wantedOf({ config: { Labels: { ...own, ...theirs } } }).body.Labels).toEqual(theirs);
  });

  test('its restart policy waits until it runs', () => {
    const { body, restart } = wantedOf({ host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 } } });

    expect(restart).toEqual({ policy: 'on-failure', retries: 3 });
    expect(body.HostConfig).toMatchObject({ RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } });
  });

  test('one network is part of the creation, the others are for later', () => {
    const endpoint = { IPAMConfig: { IPv4Address: '10.0.0.9', IPv6Address: 'fd00::9', LinkLocalIPs: ['169.254.1.1'] } };
    const networks = {
      back: {
        ...endpoint,
        Aliases: ['db', ID.slice(0, 12)],
        DriverOpts: { a: 'b' },
        IPAddress: '10.0.0.9',
        NetworkID: 'n1',
      },
      front: { Aliases: null, IPAMConfig: {}, Links: ['store:shop'], Gateway: '10.1.0.1' },
    };
    const wanted = wantedOf({ host: { NetworkMode: 'front' }, networks });

    expect(wanted.body.NetworkingConfig).toEqual({ EndpointsConfig: { front: { Links: ['store:shop'] } } });
    expect(Object.fromEntries(wanted.networks)).toEqual({
      back: { ...endpoint, Aliases: ['db'], DriverOpts: { a: 'b' } },
      front: { Links: ['store:shop'] },
    });
  });

  test('a network that was named by its id is named by its name', () => {
    const id = 'b'.repeat(64);
    const old = {
      host: { NetworkMode: id },
      networks: { front: { NetworkID: id }, back: { NetworkID: 'c'.repeat(64) } },
    };

    expect(wantedOf(old).body).toMatchObject({
      HostConfig: { NetworkMode: 'front' },
      NetworkingConfig: { EndpointsConfig: { front: {} } },
    });
  });

  test.for<readonly [string, Fields]>([
    ['another container’s network', { NetworkMode: 'container:other' }],
    ['the host’s names', { UTSMode: 'host' }],
  ])('a hostname is left out where an engine refuses it: %s', ([, host]) => {
    expect(wantedOf({ config: { Hostname: 'machine' }, host }).body).not.toHaveProperty('Hostname');
  });

  test('the hostname that the engine made of the id is left out, one that was set is kept', () => {
    expect(wantedOf({}).body).not.toHaveProperty('Hostname');
    expect(wantedOf({ config: { Hostname: 'web' } }).body).toMatchObject({ Hostname: 'web' });
  });

  test('a MAC address that may have been set is left out with a note; one made of the address needs none', () => {
    const front = { MacAddress: '02:42:0a:00:00:09', IPAddress: '10.0.0.9' };
    const back = { MacAddress: '02:11:22:33:44:55', IPAddress: '10.1.0.9' };

    expect(wantedOf({ networks: { front } }).notes).toEqual([]);
    expect(wantedOf({ networks: { front, back } }).notes).toEqual([matching(/02:11:22:33:44:55 on network back/)]);
    expect(wantedOf({ networks: { back }, config: { MacAddress: '02:11:22:33:44:55' } })).toMatchObject({
      notes: [],
      body: { MacAddress: '02:11:22:33:44:55' },
    });
  });

  test('a volume without a name is bound by its id with a note, another container’s is not', () => {
    const mounts = [
      { Type: 'volume', Name: VOLUME, Destination: '/data', RW: true },
      { Type: 'volume', Name: 'e'.repeat(64), Destination: '/theirs', RW: true },
      { Type: 'volume', Name: 'named', Destination: '/named', RW: false },
    ];
    const host = { Binds: ['named:/named:ro'], VolumesFrom: ['other'] };
    const { body, notes } = wantedOf({ config: { Volumes: { '/data': {} } }, host, mounts });

    expect(body.HostConfig).toMatchObject({ Binds: ['named:/named:ro', `${VOLUME}:/data`], VolumesFrom: ['other'] });
    expect(notes).toEqual([matching(/^volume ffffffffffff at \/data has no name/)]);
  });

  test('links are given in the form that an engine takes', () => {
    expect(wantedOf({ host: { Links: ['/db:/web/store'] } }).body.HostConfig).toMatchObject({ Links: ['db:store'] });
  });

  test('empty lists that mean something go back as they came', () => {
    const host = { MaskedPaths: [], ReadonlyPaths: [], Dns: null };

    expect(wantedOf({ host }).body.HostConfig).toMatchObject(host);
  });

  test('a label of the image can not be taken off, and a note says so', () => {
    const { notes } = wantedOf({}, { image: { Labels: { stuck: '1' } }, settings: { unsetLabels: ['stuck', 'gone'] } });

    expect(notes).toEqual([matching(/^label stuck comes from the image/)]);
  });

  test('unlimited swap stays so, swap of its own size moves with the memory', () => {
    const settings = { memoryBytes: 300 };
    const swapOf = (host: Fields): unknown => wantedOf({ host }, { settings }).body.HostConfig;

    expect(swapOf({ Memory: 100, MemorySwap: -1 })).toMatchObject({ Memory: 300, MemorySwap: -1 });
    expect(swapOf({ Memory: 100, MemorySwap: 200 })).toMatchObject({ Memory: 300, MemorySwap: 0 });
    expect(swapOf({ Memory: 100, MemorySwap: 150 })).toMatchObject({ Memory: 300, MemorySwap: 350 });
    expect(swapOf({ Memory: 100, MemorySwap: 100 })).toMatchObject({ Memory: 300, MemorySwap: 300 });
  });
});

describe('a container whose settings say it all', () => {
  const settings: ContainerSettings = {
    command: ['serve'],
    env: { MODE: 'live' },
    ports: ['127.0.0.1:8080:80', '8081:80/tcp'],
    volumes: ['data:/data'],
    network: 'front',
    restart: 'always',
    labels: { owner: 'release' },
  };

  test('takes nothing from the one that is there', () => {
    const old = { config: { Env: ['OLD=1'], Labels: { old: '1' } }, host: { Binds: ['old:/old'], Privileged: true } };
    const wanted = wantedOf(old, { settings, base: 'stated' });

    expect(wanted).toEqual(wantedOf(null, { settings, base: 'stated' }));
    expect(wanted.body).toMatchObject({
      Image: 'web:2',
      Cmd: ['serve'],
      Env: ['MODE=live'],
      Labels: { owner: 'release' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: {
        NetworkMode: 'front',
        Binds: ['data:/data'],
        PortBindings: {
          '80/tcp': [
            { HostIp: '127.0.0.1', HostPort: '8080' },
            { HostIp: '', HostPort: '8081' },
          ],
        },
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
      },
      NetworkingConfig: { EndpointsConfig: { front: {} } },
    });
    expect(wanted.restart).toEqual({ policy: 'always', retries: 0 });
    expect([...wanted.networks.keys()]).toEqual(['front']);
  });

  test('is on the engine’s bridge when no network is given', () => {
    const { body, networks } = wantedOf(null, { base: 'stated' });

    expect([...networks.keys()]).toEqual(['bridge']);
    expect(body).not.toHaveProperty('NetworkingConfig');
  });
});

describe('the digest of a wish', () => {
  test('is another for another image, setting, network or policy', () => {
    const front = { host: { NetworkMode: 'front' }, networks: { front: { Aliases: ['db'] } } };
    const digests = [
      wantedOf(front),
      wantedOf({ ...front, networks: { front: { Aliases: ['store'] } } }),
      wantedOf({ ...front, networks: { ...front.networks, back: {} } }),
      wantedOf(front, { settings: { restart: 'always' } }),
      wantedOf(front, { settings: { labels: { empty: '' } } }),
      wantedOf(front, { image: { Env: ['A=1'] } }),
    ].map(({ digest }) => digest);

    expect(new Set(digests).size).toBe(digests.length);
  });

  test('does not depend on order, on words for nothing, or on whether the container runs', () => {
    const one = wantedOf({
      config: { Env: ['A=1', 'B=2'], Cmd: null, Labels: { a: '1', b: '2' } },
      host: { Binds: ['x:/x', 'y:/y'], Dns: null, Memory: 100, MemorySwap: 200 },
      networks: {
        front: { Aliases: ['a', 'b', ID.slice(0, 12)], IPAddress: '10.0.0.9', MacAddress: '02:42:0a:00:00:09' },
      },
    });
    const other = wantedOf({
      config: { Env: ['B=2', 'A=1'], Cmd: [], Labels: { b: '2', a: '1' } },
      host: { Binds: ['y:/y', 'x:/x'], Dns: [], Memory: 100, MemorySwap: -1 },
      networks: { front: { Aliases: ['b', 'a'], IPAMConfig: {} } },
    });

    expect(one.digest).toBe(other.digest);
  });

  test('of what was made equals that of the same wish again', () => {
    const names = fc.constantFrom('A', 'B', 'C');
    const values = fc.constantFrom('', '1', '2');
    const variables = fc.dictionary(names, values, { maxKeys: 3 });
    const words = fc.array(fc.constantFrom('run', 'fast'), { maxLength: 2 });
    const asked = fc.record(
      { env: variables, unsetEnv: fc.array(names), labels: variables, user: values, command: words, entrypoint: words },
      { requiredKeys: [] },
    );
    const config = fc.record({ env: variables, labels: variables, user: values, command: words, entrypoint: words });

    fc.assert(
      fc.property(fc.record({ set: config, old: config, image: config }), asked, ({ set, old, image }, settings) => {
        const running = asMade(toFields(set), toFields(old));
        const laid = derive(running, toFields(old), { settings, image: toFields(image) });
        const made = asMade(laid.body, toFields(image));
        const again = derive(made, toFields(image), { settings, image: toFields(image) });
        const plain = derive(made, toFields(image), { image: toFields(image) });

        expect([again.digest, plain.digest]).toEqual([laid.digest, laid.digest]);
      }),
      RUNS,
    );
  });
});

type Sample = {
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly command: readonly string[];
  readonly entrypoint: readonly string[];
};

const toFields = ({ env, labels, user, command, entrypoint }: Sample): Fields => ({
  Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
  Labels: labels,
  User: user,
  Cmd: command,
  Entrypoint: entrypoint.length === 0 ? null : entrypoint,
});

function derive(old: Fields, oldImage: Fields, { settings = {}, image = {} }: Asked): Wanted {
  const outcome = wantedFrom({
    name: 'web',
    image: { reference: 'web:2', config: readImageConfig({ Config: image }) },
    old: { inspect: readInspect(shown({ config: old })), image: readImageConfig({ Config: oldImage }) },
    base: 'kept',
    settings,
  });
  if (!outcome.ok) throw new Error(outcome.reason);
  return outcome.wanted;
}

/** What an engine makes of a creation: the image's configuration fills in what was not given. */
function asMade(body: Fields, image: Fields): Fields {
  const given = readImageConfig({ Config: body });
  const ofImage = readImageConfig({ Config: image });
  const names = new Set(given.Env.map((entry) => entry.split('=')[0]));
  const entrypoint = given.Entrypoint ?? ofImage.Entrypoint ?? [];
  const hasOwn = (given.Entrypoint ?? []).length > 0;
  return {
    Env: [...given.Env, ...ofImage.Env.filter((entry) => !names.has(entry.split('=')[0]))],
    Labels: { ...ofImage.Labels, ...given.Labels },
    User: given.User === '' ? ofImage.User : given.User,
    Cmd: given.Cmd.length === 0 && !hasOwn ? ofImage.Cmd : given.Cmd,
    Entrypoint: entrypoint.length === 0 || (entrypoint.length === 1 && entrypoint[0] === '') ? null : entrypoint,
  };
}

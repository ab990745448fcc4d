import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { isOwnLabel, type ContainerSettings } from '../../model/replacement.ts';
import { matching } from '../matching.ts';
import { sample } from '../nightly.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { get, makeImage, post, type Fields } from './replacing/images.ts';
import { replace, wantedOf } from './replacing/replaced.ts';

const BASE = 'base:1';
const INTERVAL_NS = 500_000_000;
/** Ways to start of the ordinary run. */
const STARTS = 5;
const RUN = 'exec /bin/busybox sleep 9999';

const old: Fields = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: [RUN],
  Env: ['PATH=/bin', 'ONLY_OLD=1', 'BOTH=old'],
  Labels: { 'only-old': '1', both: 'old' },
  Healthcheck: { Test: ['CMD', '/bin/sh', '-c', 'exit 0'], Interval: INTERVAL_NS, Retries: 2 },
  User: '1:1',
  WorkingDir: '/old',
  ExposedPorts: { '1000/tcp': {}, '2000/tcp': {} },
  Volumes: { '/old-data': {} },
  StopSignal: 'SIGKILL',
};
const fresh: Fields = {
  Entrypoint: ['/bin/busybox', 'sh', '-c'],
  Cmd: [`: fresh; ${RUN}`],
  Env: ['PATH=/bin:/sbin', 'ONLY_NEW=1', 'BOTH=new'],
  Labels: { 'only-new': '1', both: 'new' },
  Healthcheck: { Test: ['CMD', '/bin/busybox', 'true'], Interval: INTERVAL_NS, Retries: 9 },
  User: '2:2',
  WorkingDir: '/new',
  ExposedPorts: { '3000/tcp': {} },
  StopSignal: 'SIGQUIT',
};
/** Of the command alone: no entrypoint. */
const bare: Fields = { Cmd: ['/bin/busybox', 'sleep', '9999'], Env: ['PATH=/bin'], StopSignal: 'SIGKILL' };

/** Without the labels by which a replacement is remembered. */
function configOf(inspect: unknown): Fields {
  const found = z.object({ Config: z.looseObject({ Labels: z.record(z.string(), z.string()) }) }).parse(inspect).Config;
  return { ...found, Labels: Object.fromEntries(Object.entries(found.Labels).filter(([name]) => !isOwnLabel(name))) };
}
const hostOf = (inspect: unknown): Fields =>
  z.object({ HostConfig: z.record(z.string(), z.unknown()) }).parse(inspect).HostConfig;

const Mounts = z.object({ Mounts: z.array(z.object({ Name: z.string(), Destination: z.string() })) });
const volumesOf = (inspect: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(Mounts.parse(inspect).Mounts.map(({ Name, Destination }) => [Destination, Name]));
const VOLUME_ID = /^[0-9a-f]{64}$/;

describe('what the image gives and what a person set', () => {
  let started: TestEngine;
  let connection: EngineConnection;
  let runs = 0;
  beforeAll(async () => {
    started = await startEngine();
    connection = new EngineConnection(started.access, 'host-1');
    await started.importBusybox(BASE);
    for (const [name, config] of Object.entries({ old, fresh, bare }))
      await makeImage(connection, { base: BASE, name: `${name}:1`, config });
    await makeImage(connection, { base: BASE, name: 'bare:2', config: { ...bare, Labels: { newer: '1' } } });
  });
  afterAll(() => started.close());

  const inspect = (name: string): Promise<unknown> => get(connection, `/containers/${name}/json`);

  /** Runs a container of the old image, replaces it, and asks the same of the new one again. */
  async function replaced(
    set: { readonly config?: Fields; readonly host?: Fields; readonly image?: string; readonly to?: string },
    settings: ContainerSettings = {},
  ): Promise<{ readonly config: Fields; readonly host: Fields }> {
    runs += 1;
    const name = `run-${runs}`;
    const { config = {}, host = {}, image = 'old:1', to = 'fresh:1' } = set;
    await post(connection, '/containers/create', {
      body: { Image: image, ...config, HostConfig: host },
      query: { name },
    });
    await post(connection, `/containers/${name}/start`);

    const wanted = await wantedOf(connection, { name, image: to, settings });
    expect(await replace(connection, { name, image: to, settings })).toMatchObject({ outcome: 'replaced' });

    const again = await wantedOf(connection, { name, image: to, settings });
    const plain = await wantedOf(connection, { name, image: to });
    expect(again.digest, 'the same wish again').toBe(plain.digest);
    expect(await replace(connection, { name, image: to, settings })).toMatchObject({ outcome: 'alreadyThere' });
    if (Object.keys(settings).length === 0) expect(plain.digest, 'the wish that made it').toBe(wanted.digest);
    const made = await inspect(name);
    return { config: configOf(made), host: hostOf(made) };
  }

  test('what only the old image set comes from the new image', async () => {
    const { config } = await replaced({});

    expect(config).toMatchObject(fresh);
    for (const field of ['Env', 'Labels', 'ExposedPorts'] as const) expect(config[field]).toEqual(fresh[field]);
  });

  test('what a person set is kept beside what the new image gives', async () => {
    const { config } = await replaced({
      config: {
        Env: ['BOTH=mine', 'OWN=1'],
        Labels: { both: 'mine', own: '1' },
        Healthcheck: { Test: ['CMD', '/bin/sh', '-c', 'true'] },
        User: '7:7',
        WorkingDir: '/mine',
        ExposedPorts: { '4000/tcp': {} },
        StopSignal: 'SIGKILL',
      },
    });

    expect(config).toMatchObject({
      Labels: { both: 'mine', own: '1', 'only-new': '1' },
      Healthcheck: { Test: ['CMD', '/bin/sh', '-c', 'true'], Interval: INTERVAL_NS, Retries: 9 },
      User: '7:7',
      WorkingDir: '/mine',
      Entrypoint: fresh.Entrypoint,
      Cmd: fresh.Cmd,
    });
    expect(config.Env).toEqual(['BOTH=mine', 'OWN=1', 'PATH=/bin:/sbin', 'ONLY_NEW=1']);
    expect(config.ExposedPorts).toEqual({ '3000/tcp': {}, '4000/tcp': {} });
  });

  test('data of a volume that only the old image declared stays, and what the new one declares is new', async () => {
    await makeImage(connection, {
      base: BASE,
      name: 'stores:1',
      config: { ...fresh, Volumes: { '/new-data': {} }, StopSignal: 'SIGKILL' },
    });
    await post(connection, '/containers/create', { body: { Image: 'old:1' }, query: { name: 'stores' } });
    await post(connection, '/containers/stores/start');
    const before = volumesOf(await inspect('stores'));

    await replace(connection, { name: 'stores', image: 'stores:1' });
    const after = volumesOf(await inspect('stores'));
    await replace(connection, { name: 'stores', image: 'fresh:1' });

    expect(before).toEqual({ '/old-data': matching(VOLUME_ID) });
    expect(after).toEqual({ ...before, '/new-data': matching(VOLUME_ID) });
    expect(volumesOf(await inspect('stores')), 'replaced once more').toEqual(after);
  });

  test('a port that only the old image exposed stays exposed when it is published', async () => {
    const { config, host } = await replaced({ host: { PortBindings: { '1000/tcp': [{ HostPort: '0' }] } } });

    expect(config.ExposedPorts).toEqual({ '1000/tcp': {}, '3000/tcp': {} });
    expect(host.PortBindings).toEqual({ '1000/tcp': [{ HostIp: '', HostPort: '0' }] });
  });

  const starts: readonly (readonly [string, Parameters<typeof replaced>[0], ContainerSettings, Fields])[] = [
    [
      'entrypoint and command of the new image, when none was set',
      {},
      {},
      { Entrypoint: fresh.Entrypoint, Cmd: fresh.Cmd },
    ],
    [
      'an entrypoint that was set, without the new image’s command',
      { config: { Entrypoint: ['/bin/busybox', 'sleep', '9999'] } },
      {},
      { Entrypoint: ['/bin/busybox', 'sleep', '9999'], Cmd: null },
    ],
    [
      'the new image’s entrypoint, when the one beside a command can not be told from the old image’s',
      { config: { Entrypoint: old.Entrypoint, Cmd: [`: mine; ${RUN}`] } },
      {},
      { Entrypoint: fresh.Entrypoint, Cmd: [`: mine; ${RUN}`] },
    ],
    [
      'an entrypoint like the image’s without its command, which only a person can have set',
      { config: { Entrypoint: ['/bin/busybox', 'sleep', '9999'] }, image: 'sleeps:1' },
      {},
      { Entrypoint: ['/bin/busybox', 'sleep', '9999'], Cmd: null },
    ],
    [
      'an entrypoint that was reset',
      { config: { Entrypoint: [''], Cmd: ['/bin/busybox', 'sleep', '8888'] } },
      {},
      { Entrypoint: null, Cmd: ['/bin/busybox', 'sleep', '8888'] },
    ],
    [
      'a command that was set, with the new image’s entrypoint',
      { config: { Cmd: [`: mine; ${RUN}`] } },
      {},
      { Entrypoint: fresh.Entrypoint, Cmd: [`: mine; ${RUN}`] },
    ],
    [
      'the new command',
      { config: { Cmd: [`: mine; ${RUN}`] } },
      { command: [`: asked; ${RUN}`] },
      { Entrypoint: fresh.Entrypoint, Cmd: [`: asked; ${RUN}`] },
    ],
    [
      'the new entrypoint, and no image’s command',
      {},
      { entrypoint: ['/bin/busybox', 'sleep', '7777'] },
      { Entrypoint: ['/bin/busybox', 'sleep', '7777'], Cmd: null },
    ],
    [
      'the new entrypoint with the command that was set',
      { config: { Cmd: [`: mine; ${RUN}`] } },
      { entrypoint: ['/bin/sh', '-ec'] },
      { Entrypoint: ['/bin/sh', '-ec'], Cmd: [`: mine; ${RUN}`] },
    ],
    [
      'the new entrypoint before one that was set',
      { config: { Entrypoint: ['/bin/busybox', 'sleep', '9999'] } },
      { entrypoint: ['/bin/sh', '-ec'], command: [RUN] },
      { Entrypoint: ['/bin/sh', '-ec'], Cmd: [RUN] },
    ],
    [
      'no entrypoint, when one empty word resets it',
      {},
      { entrypoint: [''], command: ['/bin/busybox', 'sleep', '6666'] },
      { Entrypoint: null, Cmd: ['/bin/busybox', 'sleep', '6666'] },
    ],
    [
      'the command of an image without an entrypoint',
      { image: 'bare:1', to: 'bare:2', config: { Cmd: ['/bin/busybox', 'sleep', '5555'] } },
      {},
      { Entrypoint: null, Cmd: ['/bin/busybox', 'sleep', '5555'] },
    ],
  ];

  test.for(sample('ways to start', starts, STARTS))('starts %s', async ([, set, settings, expected]) => {
    const sleeps = { ...old, Entrypoint: ['/bin/busybox', 'sleep', '9999'], Cmd: ['1'] };
    if (set.image === 'sleeps:1') await makeImage(connection, { base: BASE, name: set.image, config: sleeps });

    const { config } = await replaced(set, settings);

    expect({ Entrypoint: config.Entrypoint, Cmd: config.Cmd }).toEqual(expected);
  });

  test('settings are laid over what is there, and asking again changes nothing', async () => {
    const { config, host } = await replaced(
      {
        config: { Env: ['KEPT=1', 'GONE=1', 'MODE=old'], Labels: { kept: '1', gone: '1' }, Volumes: { '/two': {} } },
        host: {
          Binds: ['one:/one', 'two:/two/:ro'],
          Tmpfs: { '/three': '' },
          Mounts: [{ Type: 'volume', Target: '/four' }],
          PortBindings: { '80/tcp': [{ HostPort: '0' }], '81/tcp': [{ HostPort: '0' }] },
          RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 4 },
          CpuPeriod: 50_000,
          CpuQuota: 25_000,
        },
      },
      {
        env: { MODE: 'new', MORE: 'a=b' },
        unsetEnv: ['GONE', 'ONLY_NEW'],
        labels: { more: '' },
        unsetLabels: ['gone'],
        memoryBytes: 67_108_864,
        cpus: 0.5,
        restart: 'unless-stopped',
        user: '9:9',
        workdir: '/asked',
        hostname: 'asked',
        ports: ['127.0.0.1:0:80', '[::1]:0:90/udp'],
        volumes: ['other:/two', 'third:/three:ro', 'fourth:/four'],
      },
    );

    expect(config.Env).toEqual(['KEPT=1', 'MODE=new', 'MORE=a=b', 'ONLY_NEW', 'PATH=/bin:/sbin', 'BOTH=new']);
    expect(config.Labels).toEqual({ kept: '1', more: '', 'only-new': '1', both: 'new' });
    expect(config).toMatchObject({ User: '9:9', WorkingDir: '/asked', Hostname: 'asked' });
    expect(config.ExposedPorts).toEqual({ '80/tcp': {}, '90/udp': {}, '3000/tcp': {} });
    expect(host).toMatchObject({
      Memory: 67_108_864,
      NanoCpus: 500_000_000,
      CpuQuota: 0,
      CpuPeriod: 0,
      RestartPolicy: { Name: 'unless-stopped', MaximumRetryCount: 0 },
      PortBindings: {
        '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }],
        '81/tcp': [{ HostIp: '', HostPort: '0' }],
        '90/udp': [{ HostIp: '::1', HostPort: '0' }],
      },
    });
    expect(host.Binds).toEqual([
      'one:/one',
      matching(/^[0-9a-f]{64}:\/old-data$/),
      'other:/two',
      'third:/three:ro',
      'fourth:/four',
    ]);
    expect(host.Mounts ?? []).toEqual([]);
    expect(host.Tmpfs ?? {}).toEqual({});
  });

  test('swap moves with the memory, as far as it was allowed beside it', async () => {
    const { host } = await replaced(
      { host: { Memory: 67_108_864, MemorySwap: 100_663_296 } },
      { memoryBytes: 134_217_728 },
    );

    expect(host.Memory).toBe(134_217_728);
    // A kernel that does not count swap has it unlimited.
    expect([167_772_160, -1]).toContain(host.MemorySwap);
  });

  test('a policy that is asked for again keeps its retries', async () => {
    const onFailure = { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 4 } };
    const { host } = await replaced({ host: onFailure }, { restart: 'on-failure' });

    expect(host).toMatchObject(onFailure);
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import { attempt } from '../../lab/programs.ts';
import type { ContainerSpec, Engine, Job } from '../../model/engine.ts';
import { unitLabels } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { containing, matching } from '../matching.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { get, post } from './replacing/images.ts';
import { describeSlotEngine } from './slot-engine-contract.ts';
import { aliasesOf, bridgesOf, outputOf } from './slots/real.ts';

const IMAGE = 'busybox:test';
const HANGS = ['/bin/sh', '-c', 'trap "exit 0" TERM; while true; do busybox sleep 0.1; done'];
/** Kills of an engine, until one has hit. */
const MOST_ROUNDS = 12;
const labels = { [unitLabels.unit]: 'shop' };

let started: TestEngine;
let engine: Engine;
let connection: EngineConnection;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-slots-'));
  started = await startEngine();
  await started.importBusybox(IMAGE);
  engine = createEngine(started.access, 'host-1');
  connection = new EngineConnection(started.access, 'host-1');
});
afterAll(async () => {
  const bridges = await bridgesOf(connection);
  await started.close();
  for (const bridge of bridges) await attempt('ip', ['link', 'delete', bridge]);
  await rm(folder, { recursive: true });
});

const sh = (script: string): readonly string[] => ['/bin/sh', '-c', script];
const linesOf = async (name: string): Promise<number> =>
  (await readFile(join(folder, name), 'utf8').catch(() => '')).split('\n').length - 1;
const run = (container: string, script: string): Promise<string> =>
  outputOf(connection, { container, command: sh(script) });
const specOf = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  ...{ name, image: IMAGE, command: HANGS, env: {}, ports: [], volumes: [] },
  ...{ network: 'default', restart: 'no', labels },
  ...more,
});
const jobOf = (name: string, script: string, more: Partial<Job> = {}): Job => ({
  ...{ name, image: IMAGE, command: sh(script), binds: [`${folder}:/work`], env: {} },
  ...{ labels, keep: true, deadlineMs: 60_000 },
  ...more,
});

/** Jobs of the contract say where they ran in the test's folder. */
const withFolder = (of: Engine): Engine => ({
  ...of,
  runJob: (job) => of.runJob({ ...job, binds: [`${folder}:/work`] }),
});

describe('the real engine', () => {
  describeSlotEngine(() => ({
    engine: withFolder(engine),
    image: IMAGE,
    aliasesOf: (container, network) => aliasesOf(connection, container, network),
    read: async (container, path) => {
      const lines = await run(container, `busybox cat ${path}; echo; busybox stat -c '%a %u %g' ${path}`);
      return lines.trim().split('\n').join(' ');
    },
    says: (words, { exitCode, gate }) => {
      const wait = gate === undefined ? '' : `while [ ! -e /work/${gate} ]; do busybox sleep 0.05; done;`;
      return sh(`echo x >>"/work/${words}"; echo ${words}; ${wait} exit ${exitCode}`);
    },
    open: (gate) => writeFile(join(folder, gate), ''),
    hangs: () => HANGS,
    timesRun: (words) => linesOf(words),
    endsAtOnce: (spec) => ({ spec: { ...spec, command: sh('exit 3') }, end: () => Promise.resolve() }),
  }));
});

describe('networks of the real engine', () => {
  test('two of one name, as a race of two attempts may leave them, become the older one', async () => {
    const body = { Name: 'twice', CheckDuplicate: false, Driver: 'bridge', Labels: labels };
    await post(connection, '/networks/create', { body });
    await post(connection, '/networks/create', { body });
    const idsOf = async (): Promise<readonly string[]> =>
      (await bridgesOf(connection, 'twice')).map((bridge) => bridge.replace('br-', ''));
    const before = await idsOf();
    expect(before).toHaveLength(2);

    await Promise.all([1, 2, 3].map(() => engine.ensureNetwork({ name: 'twice', labels })));

    expect(await idsOf()).toHaveLength(1);
    await engine.removeNetwork('twice');
    expect(await idsOf()).toEqual([]);
  });

  test('a member is found by its aliases in its own network, and in no other', async () => {
    for (const name of ['dns-blue', 'dns-green']) await engine.ensureNetwork({ name, labels });
    for (const slot of ['blue', 'green']) {
      await engine.createContainer(specOf(`dns-web-${slot}`));
      await engine.connectNetwork({ network: `dns-${slot}`, container: `dns-web-${slot}`, aliases: ['web', slot] });
      await engine.startContainer(`dns-web-${slot}`);
    }

    expect(await run('dns-web-green', 'busybox ping -c 1 -W 5 web')).toContain('bytes from');
    expect(await run('dns-web-green', 'busybox timeout 2 busybox ping -c 1 blue')).not.toContain('bytes from');
  });

  test('a container may be created in a network that is not there yet', async () => {
    await engine.createContainer(specOf('early', { network: 'later' }));
    await engine.ensureNetwork({ name: 'later', labels });

    await engine.connectNetwork({ network: 'later', container: 'early', aliases: ['api'] });
    await engine.startContainer('early');

    expect(await aliasesOf(connection, 'early', 'later')).toEqual(['api']);
  });
});

describe('containers of the real engine', () => {
  test('one is created with its entrypoint and its memory', async () => {
    const memoryBytes = 64 * 1024 ** 2;
    await engine.createContainer(
      specOf('limited', { entrypoint: ['/bin/sh', '-c'], command: ['exit 7'], memoryBytes }),
    );

    expect((await engine.inspectContainer('limited'))?.raw).toMatchObject({
      Config: { Entrypoint: ['/bin/sh', '-c'], Cmd: ['exit 7'] },
      HostConfig: { Memory: memoryBytes },
    });
  });

  test('one that has been restarted is well when it runs again, and one that goes on ending is not', async () => {
    const once = 'echo x >>/work/restarts; [ $(busybox wc -l </work/restarts) -gt 1 ] || exit 1; busybox sleep 999';
    const volumes = [`${folder}:/work`];
    await engine.createContainer(specOf('restarted', { command: sh(once), volumes, restart: 'always' }));
    await engine.createContainer(specOf('ending', { command: sh('busybox sleep 0.2; exit 1'), restart: 'always' }));
    await engine.startContainer('restarted');
    await engine.startContainer('ending');
    await eventually(async () => (await linesOf('restarts')) === 2);
    const health = { minHealthyTimeMs: 1_000, deadlineMs: 20_000, probe: null };

    expect(await engine.awaitHealth('restarted', health)).toBeNull();
    expect(await engine.awaitHealth('ending', health)).toMatch(/restarted|exited with 1/);
    await engine.removeContainer('ending', { force: true });
  });
});

describe('files of a real container', () => {
  const file = { content: Buffer.from('secret'), mode: '0400', uid: 0, gid: 0 };

  test('folders that are there stay as they are, those that are made belong to root and are closed to others’ writing', async () => {
    await engine.createContainer(specOf('folders'));
    const folderAt = `busybox stat -c '%a %u'`;
    await engine.startContainer('folders');
    await run('folders', 'busybox mkdir /tmp /real; busybox chmod 1777 /tmp; busybox ln -s /real /link');

    await engine.putFiles('folders', [
      { ...file, to: '/tmp/here/deeper/file' },
      { ...file, to: '/link/below/file' },
    ]);

    const shown = await run('folders', `${folderAt} /tmp /tmp/here /tmp/here/deeper; busybox cat /real/below/file`);
    expect(shown.trim().split('\n')).toEqual(['1777 0', '755 0', '755 0', 'secret']);
  });

  test('owners of any number, long and foreign names, empty files and modes of nobody’s are kept', async () => {
    await engine.createContainer(specOf('owned'));
    await engine.putFiles('owned', [
      { ...file, to: '/owned', uid: 1_000_620_000, gid: 2_000_000 },
      { ...file, to: `/${'long/'.repeat(40)}file`, mode: '4755' },
      { ...file, to: '/schlüssel', mode: '0000', content: Buffer.alloc(0) },
    ]);
    await engine.startContainer('owned');

    const stat = `busybox stat -c '%a %u %g %s'`;
    const shown = await run('owned', `${stat} /owned /${'long/'.repeat(40)}file /schl*`);
    expect(shown.trim().split('\n')).toEqual(['400 1000620000 2000000 6', '4755 0 0 6', '0 0 0 0']);
  });

  test('they go into volumes and folders of the host as well', async () => {
    await engine.createContainer(specOf('mounted', { volumes: ['shop-data:/data', `${folder}:/work`] }));

    await engine.putFiles('mounted', [
      { ...file, to: '/data/conf/app' },
      { ...file, to: '/work/put' },
    ]);

    await engine.startContainer('mounted');
    expect(await run('mounted', 'busybox cat /data/conf/app')).toBe('secret');
    expect(await readFile(join(folder, 'put'), 'utf8')).toBe('secret');
  });

  test('a folder in a file’s place is refused, and no message has the content', async () => {
    await engine.createContainer(specOf('refused'));

    const put = engine.putFiles('refused', [{ ...file, to: '/bin' }]);

    await expect(put).rejects.toMatchObject({ kind: 'refused', message: matching(/put \/bin into refused/) });
    await expect(put).rejects.not.toMatchObject({ message: containing('secret') });
  });

  test('paths and modes that are none are refused before anything is written', async () => {
    for (const wrong of [
      { to: 'tmp/x' },
      { to: '/tmp/../x' },
      { to: '/tmp/' },
      { to: '/x', mode: '0888' },
      { to: '/' },
    ])
      await expect(engine.putFiles('nobody', [{ ...file, ...wrong }])).rejects.toThrow(RangeError);
  });
});

describe('jobs of the real engine that are kept', () => {
  test('one has its files when it starts, also when an attempt ended before they were written', async () => {
    const files = [{ to: '/etc/job/key', content: Buffer.from('key'), mode: '0400', uid: 0, gid: 0 }];
    const job = jobOf('with-files', 'busybox cat /etc/job/key; exit 2', { files, entrypoint: ['/bin/sh', '-c'] });
    const script = { ...job, command: job.command?.slice(2) ?? [] };
    const spec = specOf('with-files', { command: script.command, entrypoint: ['/bin/sh', '-c'] });
    const { id } = await engine.createContainer(spec);

    expect(await engine.runJob(script)).toMatchObject({ outcome: 'exited', exitCode: 2, lines: ['key'] });
    expect(await engine.inspectContainer('with-files')).toMatchObject({ id, status: 'exited' });
  });

  test('one that is killed at its deadline stays, says so at every call, and tells its lines', async () => {
    const told: string[] = [];
    const script = 'echo x >>/work/late; echo begun; while true; do busybox sleep 0.1; done';
    const job = jobOf('late', script, { deadlineMs: 2_000, onLine: (line) => told.push(line) });
    const late = { outcome: 'failed', kind: 'deadline', message: containing('within 2000 ms') };

    expect(await engine.runJob(job)).toMatchObject(late);
    expect(await engine.runJob(job)).toMatchObject(late);

    expect(told).toEqual(['begun', 'begun']);
    expect(await linesOf('late')).toBe(1);
    expect(await engine.inspectContainer('late')).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  test('its deadline counts from its start, over all calls', async () => {
    const first = new AbortController();
    const job = jobOf('slow', 'while true; do busybox sleep 0.1; done', { deadlineMs: 6_000 });
    const attempted = engine.runJob({ ...job, signal: first.signal });
    const startedAt = await eventually(async () => {
      const found = await engine.inspectContainer('slow');
      return found?.running === true ? Date.parse(found.startedAt) : null;
    });
    await eventually(() => Date.now() - startedAt > 4_000);
    first.abort(new Error('the worker was killed'));
    await expect(attempted).rejects.toThrow('the worker was killed');

    const begin = performance.now();
    expect(await engine.runJob(job)).toMatchObject({ outcome: 'failed', kind: 'deadline' });

    expect(performance.now() - begin).toBeLessThan(5_000);
  });

  test('one that somebody kills early has ended with 137, and is not run again', async () => {
    const job = jobOf('killed', 'echo x >>/work/killed; while true; do busybox sleep 0.1; done');
    const running = engine.runJob(job);
    await eventually(async () => (await linesOf('killed')) === 1);
    await post(connection, '/containers/killed/kill');

    expect(await running).toMatchObject({ outcome: 'exited', exitCode: 137 });
    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 137 });
    expect(await linesOf('killed')).toBe(1);
  });

  test('one that ended well while nobody looked has ended well, long after its deadline', async () => {
    const job = jobOf('unseen', 'echo done', { deadlineMs: 1_500 });
    await engine.runJob(job);
    const { startedAt = '' } = (await engine.inspectContainer('unseen')) ?? {};
    await eventually(() => Date.now() - Date.parse(startedAt) > 2_000);

    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 0, lines: ['done'] });
  });

  test('an engine that is killed in the middle finds it again, at work and ended', async () => {
    let seen = '';
    const script = 'echo x >>/work/survives; echo begun; while [ ! -e /work/go ]; do busybox sleep 0.05; done; exit 6';
    const job = jobOf('survives', script);
    const running = engine.runJob({ ...job, onLine: (line) => (seen = line) });
    await eventually(() => seen === 'begun');

    await started.kill();
    expect(await running).toMatchObject({ outcome: 'failed', kind: 'unreachable' });
    await started.start();
    const again = engine.runJob(job);
    await writeFile(join(folder, 'go'), '');
    expect(await again).toMatchObject({ outcome: 'exited', exitCode: 6, lines: ['begun'] });

    await started.kill();
    await started.start();
    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 6, lines: ['begun'] });
    expect(await linesOf('survives')).toBe(1);
    expect(await get(connection, '/containers/survives/json')).toMatchObject({ RestartCount: 0 });
  });

  test('an engine that is killed while it starts one does not make it run twice', async () => {
    const outcomes: string[] = [];
    // Most kills hit the moment between the process's start and the engine's note of it.
    for (let round = 1; round <= MOST_ROUNDS && !outcomes.includes('lost'); round += 1) {
      const name = `starting-${round}`;
      const job = jobOf(name, `echo x >>/work/${name}`);
      const running = engine.runJob(job);
      await eventually(async () => (await linesOf(name)) === 1, { everyMs: 1 });
      await started.kill();
      await running;
      await started.start();

      const again = await engine.runJob(job);
      outcomes.push(again.outcome === 'failed' ? again.kind : again.outcome);
      expect(await engine.runJob(job)).toEqual(again);
      expect(await linesOf(name)).toBe(1);
    }

    expect(outcomes).toContain('lost');
    expect(outcomes.filter((outcome) => outcome !== 'lost' && outcome !== 'exited')).toEqual([]);
  });

  test('one that was created and not started yet is started by the next attempt', async () => {
    const job = jobOf('between', 'exit 5');
    const { id } = await engine.createContainer(specOf('between', { command: job.command ?? [] }));

    expect(await engine.runJob(job)).toMatchObject({ outcome: 'exited', exitCode: 5 });
    expect(await engine.inspectContainer('between')).toMatchObject({ id });
  });
});

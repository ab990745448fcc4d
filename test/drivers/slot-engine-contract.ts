import { expect, test } from 'vitest';
import type { ContainerFile, ContainerSpec, Engine, Job } from '../../model/engine.ts';
import { workLabels } from '../../model/replacement.ts';
import { unitLabels } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { matching } from '../matching.ts';

/** The same words for the real engine and for the one that the activities' tests use. */
export type SlotSubject = {
  readonly engine: Engine;
  /** An image that is there. */
  readonly image: string;
  /** Its aliases in the network, sorted; null: it is not connected. */
  readonly aliasesOf: (container: string, network: string) => Promise<readonly string[] | null>;
  /** Content, mode, and owner of a file of a container that runs. */
  readonly read: (container: string, path: string) => Promise<string>;
  /** A command that says the words and ends; with `gate`, not before `open`. */
  readonly says: (words: string, end: { readonly exitCode: number; readonly gate?: string }) => readonly string[];
  readonly open: (gate: string) => Promise<void>;
  /** A command that ends by itself only after very long. */
  readonly hangs: () => readonly string[];
  readonly timesRun: (words: string) => Promise<number>;
  /** The next start of this container is one that ends by itself. */
  readonly endsAtOnce: (spec: ContainerSpec) => { readonly spec: ContainerSpec; readonly end: () => Promise<void> };
};

const unit = (name: string, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  [unitLabels.unit]: name,
  ...more,
});
const health = { minHealthyTimeMs: 300, deadlineMs: 20_000, probe: null };
const deadlineMs = 60_000;

const fileOf = (to: string, words: string, more: Partial<ContainerFile> = {}): ContainerFile => ({
  ...{ to, content: Buffer.from(words), mode: '0644', uid: 0, gid: 0 },
  ...more,
});

export function describeSlotEngine(subject: () => SlotSubject): void {
  const specOf = (name: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
    ...{ name, image: subject().image, command: subject().hangs(), env: {}, ports: [], volumes: [] },
    ...{ network: 'default', restart: 'no', labels: unit('shop', { [unitLabels.config]: 'one' }) },
    ...more,
  });
  const jobOf = (name: string, command: readonly string[], more: Partial<Job> = {}): Job => ({
    ...{ name, command, image: subject().image, binds: [], env: {}, deadlineMs, keep: true },
    ...{ labels: unit('shop', { 'dev.refit.job': name }) },
    ...more,
  });

  test('a network is there once, however often it is asked for, and goes once', async () => {
    const { engine } = subject();
    const network = { name: 'once', labels: unit('shop') };

    await Promise.all([engine.ensureNetwork(network), engine.ensureNetwork(network), engine.ensureNetwork(network)]);
    await engine.ensureNetwork(network);

    await expect(engine.ensureNetwork({ ...network, labels: unit('other') })).rejects.toMatchObject({
      kind: 'conflict',
      message: matching(/once/),
    });
    await engine.removeNetwork('once');
    await engine.removeNetwork('once');
    await engine.ensureNetwork({ ...network, labels: unit('other') });
    await engine.removeNetwork('once');
  });

  test('a network that is not refit’s is left alone', async () => {
    const { engine } = subject();
    await engine.ensureNetwork({ name: 'foreign', labels: { owner: 'somebody' } });

    await expect(engine.removeNetwork('foreign')).rejects.toMatchObject({ kind: 'conflict' });
    await expect(engine.ensureNetwork({ name: 'foreign', labels: unit('shop') })).rejects.toMatchObject({
      kind: 'conflict',
    });
  });

  test('a container is connected under its aliases, which change until it runs', async () => {
    const { engine, aliasesOf } = subject();
    await engine.ensureNetwork({ name: 'joined', labels: unit('shop') });
    await engine.createContainer(specOf('member'));
    const connection = { network: 'joined', container: 'member' };

    await engine.connectNetwork({ ...connection, aliases: ['old'] });
    await engine.connectNetwork({ ...connection, aliases: ['web', 'web-1'] });
    await engine.connectNetwork({ ...connection, aliases: ['web', 'web-1'] });
    expect(await aliasesOf('member', 'joined')).toEqual(['web', 'web-1']);

    await engine.startContainer('member');
    await engine.connectNetwork({ ...connection, aliases: ['web', 'web-1'] });
    await engine.connectNetwork({ ...connection, aliases: ['late'] });
    expect(await aliasesOf('member', 'joined')).toEqual(['web', 'web-1']);
    await engine.removeContainer('member', { force: true });
    await engine.removeNetwork('joined');
  });

  test('a container that runs joins and leaves a network, and the network goes when nobody is in it', async () => {
    const { engine, aliasesOf } = subject();
    const connection = { network: 'visited', container: 'visitor' };
    await engine.ensureNetwork({ name: 'visited', labels: unit('shop') });
    await engine.createContainer(specOf('visitor'));
    await engine.startContainer('visitor');

    await engine.connectNetwork({ ...connection, aliases: ['db'] });
    expect(await aliasesOf('visitor', 'visited')).toEqual(['db']);
    await expect(engine.removeNetwork('visited')).rejects.toMatchObject({
      kind: 'conflict',
      message: matching(/visitor/),
    });

    await engine.disconnectNetwork(connection);
    await engine.disconnectNetwork(connection);
    expect(await aliasesOf('visitor', 'visited')).toBeNull();
    await engine.removeNetwork('visited');
    await engine.removeContainer('visitor', { force: true });
  });

  test('what is not there can be left, but not joined', async () => {
    const { engine } = subject();
    await engine.ensureNetwork({ name: 'empty', labels: unit('shop') });
    await engine.createContainer(specOf('alone'));
    const connect = (network: string, container: string): Promise<void> =>
      engine.connectNetwork({ network, container, aliases: [] });

    await expect(connect('empty', 'nobody')).rejects.toMatchObject({ kind: 'notFound', message: matching(/nobody/) });
    await expect(connect('nowhere', 'alone')).rejects.toMatchObject({ kind: 'notFound', message: matching(/nowhere/) });
    await engine.disconnectNetwork({ network: 'empty', container: 'nobody' });
    await engine.disconnectNetwork({ network: 'nowhere', container: 'alone' });
    await engine.disconnectNetwork({ network: 'empty', container: 'alone' });

    await engine.removeNetwork('empty');
    await engine.removeContainer('alone', { force: true });
  });

  test('a container whose network was made anew joins the new one', async () => {
    const { engine, aliasesOf } = subject();
    const network = { name: 'anew', labels: unit('shop') };
    const connection = { network: 'anew', container: 'stays', aliases: ['web'] };
    await engine.ensureNetwork(network);
    await engine.createContainer(specOf('stays'));
    await engine.connectNetwork(connection);
    await engine.startContainer('stays');
    await engine.stopContainer('stays', { timeoutS: 0 });
    await engine.removeNetwork('anew');
    await expect(engine.startContainer('stays')).rejects.toMatchObject({ kind: 'notFound' });

    await engine.ensureNetwork(network);
    await engine.connectNetwork(connection);
    await engine.startContainer('stays');

    expect(await aliasesOf('stays', 'anew')).toEqual(['web']);
    await engine.removeContainer('stays', { force: true });
    await engine.removeNetwork('anew');
  });

  test('files are in a container before it starts, and written again while it runs', async () => {
    const { engine, read } = subject();
    await engine.createContainer(specOf('filed'));
    const certificate = fileOf('/certs/site/tls.crt', 'first', { mode: '0440', uid: 101, gid: 102 });
    await engine.putFiles('filed', []);
    await engine.putFiles('filed', [fileOf('/certs/site/tls.crt', 'too early')]);
    await engine.putFiles('filed', [certificate, fileOf('/etc/app.conf', 'port 80', { mode: '600' })]);
    await engine.startContainer('filed');

    expect(await read('filed', '/certs/site/tls.crt')).toBe('first 440 101 102');
    expect(await read('filed', '/etc/app.conf')).toBe('port 80 600 0 0');
    await engine.putFiles('filed', [{ ...certificate, content: Buffer.from('second') }]);
    expect(await read('filed', '/certs/site/tls.crt')).toBe('second 440 101 102');
    await expect(engine.putFiles('nobody', [certificate])).rejects.toMatchObject({ kind: 'notFound' });
    await engine.removeContainer('filed', { force: true });
  });

  test('health is waited for, and what is wrong is said', async () => {
    const { engine, endsAtOnce } = subject();
    const dying = endsAtOnce(specOf('dying'));
    await engine.createContainer(specOf('well'));
    await engine.createContainer(dying.spec);
    await engine.startContainer('well');
    await engine.startContainer('dying');
    await dying.end();

    expect(await engine.awaitHealth('well', health)).toBeNull();
    expect(await engine.awaitHealth('dying', health)).toMatch(/exited with 3/);
    expect(await engine.awaitHealth('nobody', health)).toMatch(/no container/);
    await engine.removeContainer('well', { force: true });
    await engine.removeContainer('dying', { force: true });
  });

  test('volumes of a slot go once nothing uses them, others stay', async () => {
    const { engine } = subject();
    await engine.createContainer(specOf('keeper', { volumes: ['shop-green-a:/a', 'shop-blue-a:/b'] }));
    await engine.createContainer(specOf('goer', { volumes: ['shop-green-b:/b', 'shop-green-c:/c'] }));
    await engine.removeContainer('goer', { force: true });

    expect(await engine.removeVolumes('shop-green-')).toBe(2);
    expect(await engine.removeVolumes('shop-green-')).toBe(0);
    await expect(engine.removeVolumes('')).rejects.toThrow(RangeError);
    await engine.removeContainer('keeper', { force: true });
    expect(await engine.removeVolumes('shop-green-')).toBe(1);
    expect(await engine.removeVolumes('shop-blue-')).toBe(1);
  });

  test('a unit’s container is adopted as it is, and made anew for another wish of the same unit', async () => {
    const { engine } = subject();
    const first = await engine.createContainer(specOf('adopted'));
    await engine.startContainer('adopted');

    expect(await engine.createContainer(specOf('adopted'))).toEqual({ id: first.id, adopted: true });
    const labels = unit('shop', { [unitLabels.config]: 'two' });
    const second = await engine.createContainer(specOf('adopted', { labels }));

    expect(second).toMatchObject({ adopted: false });
    expect(await engine.inspectContainer('adopted')).toMatchObject({ id: second.id, running: false, labels });
    await engine.removeContainer('adopted', { force: true });
  });

  test('another unit’s container, other work of refit’s and somebody else’s keep their names', async () => {
    const { engine } = subject();
    const others = [unit('other'), { [workLabels.step]: 'dns' }, { owner: 'somebody' }];
    for (const [index, labels] of others.entries()) await engine.createContainer(specOf(`taken-${index}`, { labels }));

    for (const index of others.keys())
      await expect(engine.createContainer(specOf(`taken-${index}`))).rejects.toMatchObject({ kind: 'conflict' });
    const step = specOf('taken-0', { labels: { [workLabels.step]: 'dns' } });
    await expect(engine.createContainer(step)).rejects.toMatchObject({ kind: 'conflict' });

    for (const index of others.keys()) await engine.removeContainer(`taken-${index}`, { force: true });
  });

  test('a container that runs is not removed by the way', async () => {
    const { engine } = subject();
    await engine.createContainer(specOf('runs'));
    await engine.startContainer('runs');

    await expect(engine.removeContainer('runs', { force: false })).rejects.toMatchObject({ kind: 'conflict' });

    await engine.stopContainer('runs', { timeoutS: 0 });
    await engine.removeContainer('runs', { force: false });
    expect(await engine.inspectContainer('runs')).toBeNull();
  });

  test('a job that is kept runs once, and answers the same until it is removed', async () => {
    const { engine, says, timesRun } = subject();
    const told: string[] = [];
    const job = jobOf('kept', says('words', { exitCode: 3 }), { onLine: (line) => told.push(line) });
    const ended = { outcome: 'exited', exitCode: 3, lines: ['words'] };

    expect(await engine.runJob(job)).toMatchObject(ended);
    expect(await engine.runJob(job)).toMatchObject(ended);
    expect(told).toEqual(['words', 'words']);
    expect(await timesRun('words')).toBe(1);

    await engine.removeContainer('kept', { force: true });
    expect(await engine.runJob(job)).toMatchObject(ended);
    expect(await timesRun('words')).toBe(2);
    await engine.removeContainer('kept', { force: true });
  });

  test('what was set on a container is told, and nothing that its image gives', async () => {
    const { engine } = subject();
    const [env, memoryBytes] = [{ MODE: 'a=b' }, 64 * 1024 ** 2];
    await engine.createContainer(specOf('set', { env, memoryBytes, volumes: ['/etc:/there:ro'], network: 'host' }));

    expect(await engine.ownSettings('set')).toEqual({ env, memoryBytes, volumes: ['/etc:/there:ro'], network: 'host' });
    expect(await engine.ownSettings('unknown')).toBeNull();
    await engine.removeContainer('set', { force: true });
  });

  test('a kept job with other labels is another one', async () => {
    const { engine, says, timesRun } = subject();
    const job = jobOf('again', says('anew', { exitCode: 0 }));
    await engine.runJob(job);

    await engine.runJob({ ...job, labels: { ...job.labels, 'dev.refit.job': 'again/2' } });

    expect(await timesRun('anew')).toBe(2);
    await expect(engine.runJob({ ...job, labels: unit('other') })).resolves.toMatchObject({ kind: 'conflict' });
    await engine.removeContainer('again', { force: true });
  });

  test('a kept job whose caller went away is found again at work', async () => {
    const { engine, says, open, timesRun } = subject();
    const first = new AbortController();
    const job = jobOf('left', says('left alone', { exitCode: 4, gate: 'left' }));
    const attempt = engine.runJob({ ...job, signal: first.signal });
    await eventually(async () => (await engine.inspectContainer('left'))?.running === true);
    first.abort(new Error('the worker was killed'));
    await expect(attempt).rejects.toThrow('the worker was killed');

    const again = engine.runJob(job);
    await open('left');

    expect(await again).toMatchObject({ outcome: 'exited', exitCode: 4 });
    expect(await timesRun('left alone')).toBe(1);
    await engine.removeContainer('left', { force: true });
  });
}

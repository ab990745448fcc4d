import { Client, Connection } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { execa } from 'execa';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseFleetId } from '../../model/ids.ts';
import { createPorts } from '../../worker/ports.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';
import { openWorkerVersions } from '../../worker/versions.ts';
import { createRefitWorker } from '../../worker/worker.ts';
import { eventually } from '../eventually.ts';
import { startEtcd, type EtcdCluster } from '../parts/etcd.ts';

const main = join(import.meta.dirname, '..', '..', 'worker', 'main.ts');
const address = inject('temporalAddress');

let folder = '';
let etcd: EtcdCluster;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refit-worker-'));
  etcd = await startEtcd();
});

afterAll(async () => {
  await etcd.close();
  await rm(folder, { recursive: true, force: true });
});

/** A fleet file whose one host has no engine. */
async function writeFleet(name: string, temporal = address): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  const text = `fleet: ${name}
hosts:
  - name: host-1
    engine: { endpoint: "unix://${join(folder, 'no-engine.sock')}" }
etcd:
  endpoints: ${JSON.stringify(etcd.endpoints)}
  hostEndpoints: ${JSON.stringify(etcd.endpoints)}
temporal: { address: "${temporal}", namespace: default }
`;
  await writeFile(file, text);
  return file;
}

const startMain = (fleetFile: string, env: Readonly<Record<string, string>> = {}) =>
  execa(process.execPath, ['--import', 'tsx', main], { env: { REFIT_FLEET: fleetFile, ...env }, reject: false });

describe('the worker as a program', () => {
  it('says when it takes work, and drains on SIGTERM', async () => {
    const worker = startMain(await writeFleet('drains'));
    let log = '';
    worker.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await eventually(() => log.includes('"msg":"worker started"'), { withinMs: 50_000 });

    worker.kill('SIGTERM');

    expect(await worker).toMatchObject({ exitCode: 0 });
    expect(log).toContain('"msg":"worker ended"');
  });

  it('is versioned as a container’s, becomes the fleet’s first current version, and drains like any other', async () => {
    const build = '0123456789ab';
    const identity = `host-1/refit-worker-${build}`;
    const worker = startMain(await writeFleet('versioned'), { REFIT_BUILD_ID: build, REFIT_WORKER_IDENTITY: identity });
    let log = '';
    worker.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await eventually(() => log.includes('"msg":"worker version known"'), { withinMs: 50_000, everyMs: 100 });

    const connection = await NativeConnection.connect({ address });
    const versions = openWorkerVersions({ connection, namespace: 'default' }, parseFleetId('versioned'));
    const list = await versions.list(new AbortController().signal);
    await connection.close();
    worker.kill('SIGTERM');

    expect(list).toMatchObject([{ build, isCurrent: true, openRuns: 0, workers: [identity] }]);
    expect(await worker).toMatchObject({ exitCode: 0 });
  });

  it('ends with 3 when Temporal does not answer, and names the address', async () => {
    const { exitCode, stdout } = await startMain(await writeFleet('alone', '127.0.0.1:1'));

    expect(exitCode).toBe(3);
    expect(stdout).toContain('temporal at 127.0.0.1:1 does not answer');
  });

  it('ends with 2 when the fleet file is not there', async () => {
    const { exitCode, stdout } = await startMain(join(folder, 'none.yaml'));

    expect(exitCode).toBe(2);
    expect(stdout).toContain('none.yaml');
  });
});

describe('the worker in a process', () => {
  it('performs activities of a workflow with the real ports', async () => {
    const fleetFile = await writeFleet('inside');
    const { ports, close } = createPorts({ fleetFile, log: () => undefined, temporal: null });
    const connection = await NativeConnection.connect({ address });
    const { fleet } = ports.loadFleet();
    const worker = await createRefitWorker({
      connection,
      namespace: 'default',
      fleet,
      ports,
      version: null,
      bundleFolder: folder,
    });
    const running = worker.run();
    const client = new Client({ connection: await Connection.connect({ address }) });

    const handle = await client.workflow.start('upgradeFleet', {
      workflowId: 'fleet/inside',
      taskQueue: 'refit/inside',
      args: [
        {
          upgrade: 'inside-1',
          fleet,
          reference: 'no.such.registry:1/x:1.0.0',
          digest: 'x',
          policy: {},
          requestedBy: 'test',
        },
      ],
    });
    await eventually(async () => (await ports.bus.read('/refit/v1/inside/epoch')) !== null, { withinMs: 20_000 });
    await handle.terminate();

    worker.shutdown();
    await running;
    close();
    await client.connection.close();
    await connection.close();
  });

  it('bundles the workflows once for the same sources', async () => {
    const own = await mkdtemp(join(folder, 'bundles-'));

    const first = await bundleWorkflows(own);
    const second = await bundleWorkflows(own);

    expect(second).toEqual(first);
    expect(await readdir(own)).toHaveLength(1);
  });
});

import { attempt } from '../../lab/programs.ts';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { bridgesOf } from '../drivers/slots/real.ts';
import { startEngine, type TestEngine } from './engine.ts';
import { startEtcd, type EtcdCluster } from './etcd.ts';
import { startRegistry, type TestRegistry } from './registry.ts';

/** Two real engines as hosts of several fleets, with what their workers need besides: a registry and an etcd. */
export type TwoHosts = AsyncDisposable & {
  readonly engines: Readonly<Record<HostName, TestEngine>>;
  readonly registry: TestRegistry;
  readonly etcd: EtcdCluster;
  readonly close: () => Promise<void>;
};

export const hostNames = ['host-1', 'host-2'] as const;
export type HostName = (typeof hostNames)[number];

/**
 * The engines' own bridge: worker, load balancer and the containers of both engines reach what is published. Both hosts have
 * the one address, so that their ports have to differ.
 */
export const HOST_ADDRESS = '169.254.213.1';

/** Of 198.18.0.0/15, which nobody routes: a part for each engine of each test's process. */
const POOLS = 128;
const POOL_SIZE = 4;
const BYTE = 256;

export async function startTwoHosts(): Promise<TwoHosts> {
  const opened: AsyncDisposable[] = [];
  const open = async <Part extends AsyncDisposable>(part: Promise<Part>): Promise<Part> => {
    const started = await part;
    opened.push(started);
    return started;
  };
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((part) => part[Symbol.asyncDispose]()));
  };
  const [first, second, registry, etcd] = await Promise.all([
    open(startHost(0)),
    open(startHost(1)),
    open(startRegistry()),
    open(startEtcd()),
  ]).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { engines: { 'host-1': first, 'host-2': second }, registry, etcd, close, [Symbol.asyncDispose]: close };
}

async function startHost(index: number): Promise<TestEngine> {
  const engine = await startEngine({ addressPool: poolOf(process.pid * hostNames.length + index) });
  const close = async (): Promise<void> => {
    // Networks outlive their engine.
    const bridges = await bridgesOf(new EngineConnection(engine.access, 'host')).catch(() => []);
    await engine.close();
    for (const bridge of bridges) await attempt('ip', ['link', 'delete', bridge]);
  };
  return { ...engine, close, [Symbol.asyncDispose]: close };
}

function poolOf(unique: number): string {
  const third = (unique % POOLS) * POOL_SIZE;
  return `198.${18 + Math.floor(third / BYTE)}.${third % BYTE}.0/22`;
}

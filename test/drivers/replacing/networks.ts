import { z } from 'zod';
import type { EngineConnection } from '../../../drivers/docker/connection.ts';
import { attempt } from '../../../lab/programs.ts';
import { get, post } from './images.ts';

export type TestNetworks = {
  readonly connect: (network: string, container: string) => Promise<unknown>;
  /** Names of those that a container is on, sorted. */
  readonly of: (container: string) => Promise<readonly string[]>;
  /** The first three numbers of the addresses on it. */
  readonly prefix: (network: string) => string;
  readonly close: () => Promise<void>;
};

/** Subnets of a machine may not overlap, those of tests beside this one included: each process has two of its own. */
const NET = '10.214';
const PROCESSES = 25;
/** Below are those of the matrix. */
const FIRST_SUBNET = 200;
const inspected = z.object({ NetworkSettings: z.object({ Networks: z.record(z.string(), z.unknown()) }) });

/** Networks of a test engine. Their bridges outlive it, so they are removed by hand after it. */
export async function addNetworks(connection: EngineConnection, names: readonly string[]): Promise<TestNetworks> {
  const bridgeOf = (index: number): string => `rfn-${process.pid}-${index}`;
  const prefixOf = (index: number): string => `${NET}.${FIRST_SUBNET + 2 * (process.pid % PROCESSES) + index}`;
  for (const [index, name] of names.entries()) {
    const options = { 'com.docker.network.bridge.name': bridgeOf(index) };
    const ipam = { Config: [{ Subnet: `${prefixOf(index)}.0/24` }] };
    const body = { Name: name, Driver: 'bridge', IPAM: ipam, Options: options };
    await post(connection, '/networks/create', { body });
  }
  return {
    connect: (network, container) =>
      post(connection, `/networks/${network}/connect`, { body: { Container: container } }),
    of: async (container) => {
      const { NetworkSettings } = inspected.parse(await get(connection, `/containers/${container}/json`));
      return Object.keys(NetworkSettings.Networks).sort();
    },
    prefix: (network) => prefixOf(names.indexOf(network)),
    close: async () => {
      for (const index of names.keys()) await attempt('ip', ['link', 'delete', bridgeOf(index)]);
    },
  };
}

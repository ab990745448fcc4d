import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readId } from '../../drivers/docker/answers.ts';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { attempt } from '../../lab/programs.ts';
import { sample } from '../nightly.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { differencesOf, isExplained } from './replacing/differences.ts';
import { always } from './replacing/explained.ts';
import { createStarted, get, makeImage, post, type Fields } from './replacing/images.ts';
import { BY_ID, matrix, type Nets, type Run } from './replacing/matrix.ts';
import { replace, wantedOf } from './replacing/replaced.ts';

/** Containers of the ordinary run, of six times as many; each takes a second. */
const SAMPLED = 6;

/** Networks of their own for each process of tests: subnets of a machine may not overlap. */
const SUBNETS = 200;
const nets: Nets = {
  first: 'first',
  second: 'second',
  prefix: `10.214.${process.pid % SUBNETS}`,
  prefix6: `fd00:214:${process.pid % SUBNETS}:`,
};
const bridges = { first: `rfm-${process.pid}-1`, second: `rfm-${process.pid}-2` };

const BASE = 'base:1';
const image: Fields = {
  Entrypoint: ['/bin/sh', '-c'],
  Cmd: ['exec /bin/busybox sleep 9999'],
  Env: ['PATH=/bin', 'FROM_IMAGE=1'],
  Labels: { from: 'image' },
  // A first process without a handler does not end at SIGTERM.
  StopSignal: 'SIGKILL',
};

describe('a container that is replaced', () => {
  let started: TestEngine;
  let connection: EngineConnection;
  let firstId: string;
  beforeAll(async () => {
    started = await startEngine();
    connection = new EngineConnection(started.access, 'host-1');
    await started.importBusybox(BASE);
    await makeImage(connection, { base: BASE, name: 'old:1', config: image });
    await makeImage(connection, {
      base: BASE,
      name: 'new:1',
      config: { ...image, Env: ['PATH=/bin', 'FROM_IMAGE=1'] },
    });
    firstId = await addNetwork('first', `${nets.prefix}.0/25`);
    await addNetwork('second', `${nets.prefix}.128/25`);
    await createStarted(connection, 'companion', { Image: 'old:1', Volumes: { '/theirs': {} } });
    await createStarted(connection, 'friend', { Image: 'old:1', HostConfig: { NetworkMode: 'first' } });
  });
  afterAll(async () => {
    await started.close();
    for (const bridge of Object.values(bridges)) await attempt('ip', ['link', 'delete', bridge]);
  });

  async function addNetwork(name: 'first' | 'second', subnet: string): Promise<string> {
    const subnets = [{ Subnet: subnet }, ...(name === 'first' ? [{ Subnet: `${nets.prefix6}:/64` }] : [])];
    const options = { 'com.docker.network.bridge.name': bridges[name] };
    const body = { Name: name, IPAM: { Config: subnets }, EnableIPv6: name === 'first', Options: options };
    return readId(await post(connection, '/networks/create', { body }));
  }

  async function run(
    name: string,
    { config = {}, host = {}, endpoint = {}, more = {}, left = [] }: Run,
  ): Promise<void> {
    const mode = host['NetworkMode'];
    const network = mode === 'first' || mode === BY_ID ? { first: endpoint } : {};
    const named = mode === BY_ID ? { ...host, NetworkMode: firstId } : host;
    const body = { Image: 'old:1', ...config, HostConfig: named, NetworkingConfig: { EndpointsConfig: network } };
    await post(connection, '/containers/create', { body, query: { name } });
    for (const net of left) await post(connection, `/networks/${net}/disconnect`, { body: { Container: name } });
    for (const [net, settings] of Object.entries(more))
      await post(connection, `/networks/${net}/connect`, { body: { Container: name, EndpointConfig: settings } });
    await post(connection, `/containers/${name}/start`);
  }

  const inspect = (name: string): Promise<unknown> => get(connection, `/containers/${name}/json`);

  const runs = matrix(nets).map((one, index) => ({ ...one, name: `run-${index}` }));

  test.for(sample('containers that are replaced', runs, SAMPLED))(
    'keeps what was set: $title',
    async ({ name, ...one }) => {
      await run(name, one);
      const before = await inspect(name);

      const wanted = await wantedOf(connection, { name, image: 'new:1' });
      const outcome = await replace(connection, { name, image: 'new:1' });
      const after = await inspect(name);
      const again = await wantedOf(connection, { name, image: 'new:1' });
      const differences = differencesOf(before, after);

      expect(outcome).toMatchObject({ outcome: 'replaced', notes: wanted.notes });
      expect(differences.filter((difference) => !isExplained(difference, [...always, ...one.explained]))).toEqual([]);
      for (const explained of one.explained)
        expect(
          differences.some((difference) => isExplained(difference, [explained])),
          explained.why,
        ).toBe(true);
      expect(again.digest).toBe(wanted.digest);
      expect(await replace(connection, { name, image: 'new:1' })).toMatchObject({ outcome: 'alreadyThere' });
    },
  );
});

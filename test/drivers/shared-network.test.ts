import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EngineConnection } from '../../drivers/docker/connection.ts';
import { createEngine } from '../../drivers/docker/engine.ts';
import { attempt } from '../../lab/programs.ts';
import type { Engine } from '../../model/engine.ts';
import { parseUnitId } from '../../model/ids.ts';
import { networkName, unitLabels, type SlotOrShared } from '../../model/unit.ts';
import { eventually } from '../eventually.ts';
import { startEngine, type TestEngine } from '../parts/engine.ts';
import { freePort } from '../parts/free-ports.ts';
import { bridgesOf } from './slots/real.ts';

const IMAGE = 'busybox:test';
const DATABASE = 'shop-shared-db-1';
const unit = parseUnitId('shop');
const labels = { [unitLabels.unit]: unit };

let started: TestEngine;
let engine: Engine;
beforeAll(async () => {
  started = await startEngine();
  await started.importBusybox(IMAGE);
  engine = createEngine(started.access, 'host-1');
});
afterAll(async () => {
  const bridges = await bridgesOf(new EngineConnection(started.access, 'host-1'));
  await started.close();
  for (const bridge of bridges) await attempt('ip', ['link', 'delete', bridge]);
});

const make = (slot: SlotOrShared): Promise<void> => engine.ensureNetwork({ name: networkName(unit, slot), labels });
const join = (slot: SlotOrShared): Promise<void> =>
  engine.connectNetwork({ network: networkName(unit, slot), container: DATABASE, aliases: ['db'] });
const leave = (slot: SlotOrShared): Promise<void> =>
  engine.disconnectNetwork({ network: networkName(unit, slot), container: DATABASE });

test('who is connected to a shared member stays so while it joins and leaves the networks of slots, whichever comes first', async () => {
  const port = await freePort();
  const serve = 'exec busybox nc -ll -p 80 -e /bin/busybox cat';
  await engine.createContainer({
    ...{ name: DATABASE, image: IMAGE, command: ['/bin/sh', '-c', serve], env: {}, volumes: [], labels },
    ...{ ports: [`${port}:80/tcp`], network: 'default', restart: 'no' },
  });
  for (const slot of ['shared', 'green', 'blue'] as const) await make(slot);
  for (const slot of ['shared', 'green'] as const) await join(slot);
  await engine.disconnectNetwork({ network: 'bridge', container: DATABASE });
  await engine.startContainer(DATABASE);
  const held = await eventually(() => open(port));
  const said: string[] = [];

  const changes = [() => join('blue'), () => leave('green'), () => join('green'), () => leave('blue')];
  for (const change of changes) {
    await change();
    const fresh = await open(port);
    said.push(await held.echo('held'), await fresh.echo('fresh'));
    fresh.close();
  }

  expect(said).toEqual(changes.flatMap(() => ['held', 'fresh']));
  held.close();
});

/** Longest until an answer; ms. */
const ANSWER_MS = 10_000;

type Line = { readonly echo: (text: string) => Promise<string>; readonly close: () => void };

/** Connected, and answered once: who forwards the port takes connections before anybody serves behind it. */
async function open(port: number): Promise<Line> {
  const socket = connect(port, '127.0.0.1');
  const echo = async (text: string): Promise<string> => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = Promise.race([
      once(socket, 'data', { signal }).then(([chunk]) => String(chunk)),
      once(socket, 'close', { signal }).then(() => 'closed'),
    ]).catch(String);
    socket.write(text);
    return answer;
  };
  if ((await echo('first')) !== 'first') throw new Error('it was closed before it was answered');
  return { echo, close: () => socket.destroy() };
}

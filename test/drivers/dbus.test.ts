import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectDbus } from '../../drivers/dbus.ts';
import { readMessage, writeCall } from '../../drivers/dbus-message.ts';
import { eventually } from '../eventually.ts';

const hasDaemon = spawnSync('dbus-daemon', ['--version']).status === 0;
const bus = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const;
let folder: string;
let socket: string;
let daemon: ChildProcess | null = null;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'refit-dbus-'));
  socket = join(folder, 'bus');
  if (!hasDaemon) return;
  daemon = spawn('dbus-daemon', ['--session', `--address=unix:path=${socket}`, '--nofork', '--nosyslog'], {
    stdio: 'ignore',
  });
  await eventually(() => existsSync(socket));
});
afterAll(() => {
  daemon?.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe.runIf(hasDaemon)('a message bus', () => {
  test('answers a call with strings', async () => {
    const connection = await connectDbus(socket);

    const [owner] = await connection.call({
      ...bus,
      member: 'GetNameOwner',
      arguments: [{ type: 's', value: bus.destination }],
    });

    expect(owner).toBe('org.freedesktop.DBus');
    connection.close();
  });

  test('takes arrays and truth values as they are declared', async () => {
    const connection = await connectDbus(socket);
    const call = connection.call({
      ...bus,
      member: 'NameHasOwner',
      arguments: [
        { type: 'as', value: ['one', 'two and a half', ''] },
        { type: 'b', value: true },
      ],
    });

    // The bus has read the whole of it, and finds another signature than that method's.
    await expect(call).rejects.toThrow('org.freedesktop.DBus.Error.InvalidArgs');
    connection.close();
  });

  test('names its own error', async () => {
    const connection = await connectDbus(socket);

    await expect(
      connection.call({ ...bus, member: 'GetNameOwner', arguments: [{ type: 's', value: 'no.such.name' }] }),
    ).rejects.toThrow(
      /GetNameOwner at org.freedesktop.DBus: org.freedesktop.DBus.Error.NameHasNoOwner: .*no.such.name/,
    );
    connection.close();
  });

  test('answers many calls at once, each its own', async () => {
    const connection = await connectDbus(socket);
    const names = await Promise.all(Array.from({ length: 50 }, () => connection.call({ ...bus, member: 'GetId' })));

    expect(new Set(names.flat()).size).toBe(1);
    connection.close();
  });

  test('reads a property out of its variant', async () => {
    const connection = await connectDbus(socket);
    const get = { ...bus, interface: 'org.freedesktop.DBus.Properties', member: 'Get' };
    const features = await connection.call({
      ...get,
      arguments: [
        { type: 's', value: bus.interface },
        { type: 's', value: 'Features' },
      ],
    });

    // An array in a variant is more than this reader reads: it says nothing rather than something wrong.
    expect(features).toEqual([]);
    connection.close();
  });
});

test('a socket that nobody listens on is named', async () => {
  await expect(connectDbus(join(folder, 'nobody'))).rejects.toThrow(/D-Bus at .*nobody: .*ENOENT/);
});

test('a bus that refuses the user says so', async () => {
  const path = join(folder, 'refuses');
  const server = createServer((peer) => peer.once('data', () => peer.write('REJECTED EXTERNAL\r\n'))).listen(path);
  await eventually(() => existsSync(path));

  await expect(connectDbus(path)).rejects.toThrow('refused: REJECTED EXTERNAL');

  server.close();
});

test('a message that came in part is waited for, whatever the part', () => {
  // A call has the same frame as an answer.
  const whole = writeCall(7, { ...bus, member: 'Hello' });
  for (let size = 0; size < whole.length; size += 1) expect(readMessage(whole.subarray(0, size))).toBeNull();

  expect(readMessage(Buffer.concat([whole, Buffer.from('rest')]))?.sizeBytes).toBe(whole.length);
});

import { beforeEach, expect, test } from 'vitest';
import { WrongInput } from '../../client/fleet-client.ts';
import { Unreachable } from '../../client/unreachable.ts';
import { startUpgrader, type StartUpgrader } from '../../client/upgrader-start.ts';
import type { Fleet } from '../../model/fleet.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { fleet } from '../fakes/fleet.ts';

const IMAGE = `registry.lab:5000/refit/upgrader@sha256:${'0123456789ab'.repeat(5)}0123`;
const OTHER = `registry.lab:5000/refit/upgrader@sha256:${'f'.repeat(64)}`;

let engines: Map<string, FakeEngine>;
beforeEach(() => {
  engines = new Map(['host-1', 'host-2', 'host-3'].map((name) => [name, new FakeEngine(name)]));
});

const engineOf = (name: string): FakeEngine => engines.get(name) ?? new FakeEngine(name);

/** Three hosts, of which the last two carry it. */
const ours: Fleet = {
  ...fleet(3),
  hosts: fleet(3).hosts.map((host, index) => ({ ...host, carries: { ...host.carries, upgrader: index > 0 } })),
};

const start = async (changes: Partial<StartUpgrader> = {}) =>
  startUpgrader({
    ...{ fleet: ours, image: IMAGE, roles: ['worker', 'api'], say: () => undefined },
    engineOf: ({ name }) => engineOf(name),
    ...changes,
  });

const names = (host: string): readonly string[] =>
  engineOf(host)
    .containers.all()
    .map(({ name }) => name);

test('a worker and an API start on each host that carries the upgrader, and on no other', async () => {
  const started = await start();

  expect(started.map(({ host, role, problem }) => [host, role, problem])).toEqual([
    ['host-2', 'worker', null],
    ['host-2', 'api', null],
    ['host-3', 'worker', null],
    ['host-3', 'api', null],
  ]);
  expect(names('host-2')).toEqual(['refit-worker-0123456789ab', 'refit-api-0123456789ab']);
  expect(names('host-1')).toEqual([]);
});

test('a second start of the same build finds its containers and makes no more', async () => {
  await start();

  await start();

  expect(names('host-3')).toHaveLength(2);
});

test('a host with another build is refused, says what brings a new one, and nothing is started anywhere', async () => {
  await start({ fleet: { ...ours, hosts: ours.hosts.slice(2) }, image: OTHER });

  const second = start();

  await expect(second).rejects.toThrow(WrongInput);
  await expect(second).rejects.toThrow(
    'host host-3 has refit-worker-ffffffffffff, of another build; an upgrade brings',
  );
  expect(names('host-2')).toEqual([]);
});

test('a fleet whose hosts carry no upgrader is refused, with what to write', async () => {
  await expect(start({ fleet: fleet(2) })).rejects.toThrow('carries: { upgrader: true }');
});

test('an engine that is away is told from an image that is not there', async () => {
  engineOf('host-2').failNextPull('unreachable');
  await expect(start()).rejects.toThrow(Unreachable);

  engineOf('host-2').failNextPull('notFound');
  await expect(start()).rejects.toThrow(WrongInput);
});

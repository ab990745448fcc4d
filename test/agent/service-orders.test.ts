import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Order } from '../../model/bus.ts';
import { parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import type { ReleaseRef, ServiceRelease } from '../../model/release.ts';
import { FakeEngine } from './fake-engine.ts';
import { countingStep, keys, me, TestHost } from './test-host.ts';

const image = `registry.lab:5000/web@sha256:${'d'.repeat(64)}`;
const web: ServiceRelease = {
  name: parseServiceId('web'),
  image,
  compatible: true,
  infrastructure: false,
  strategy: { strategy: 'inPlace' },
  mode: 'agent',
  minAvailable: null,
  drainMs: 0,
  settings: { env: { LEVEL: 'debug' } },
  health: { minHealthyTimeMs: 0, deadlineMs: 5_000, probe: null },
};
const upgradeTwo = parseUpgradeId('upgrade-2');
const of = (...containers: readonly string[]): Pick<Order, 'action' | 'service'> => ({
  action: 'service',
  service: { name: web.name, containers },
});
const back = (...containers: readonly string[]): Partial<Order> => ({ ...of(...containers), action: 'revert' });

let host: TestHost;
let engine: FakeEngine;
let ref: ReleaseRef;
const ids = new Map<string, string>();

/** A host on a release with the service web, whose members web-1 and web-2 run here. */
beforeEach(async () => {
  host = new TestHost();
  engine = new FakeEngine();
  for (const name of ['web-1', 'web-2']) {
    const labels = { 'dev.refit.service': 'web' };
    const given = { image: 'registry.lab:5000/web:1', command: [], env: { SITE: 'lab' }, ports: [], volumes: [] };
    const { id } = await engine.createContainer({ ...given, name, labels, network: 'bridge', restart: 'always' });
    await engine.startContainer(id);
    ids.set(name, id);
  }
  ref = host.stage({ version: '2.0.0', steps: [countingStep('count', `${host.folder}/count`)], services: [web] });
  host.start({ engine });
  await host.settled(await host.order(ref));
});
afterEach(() => host.close());

const names = (): readonly string[] => engine.names().filter((name) => !name.includes('.refit-'));
const asBefore = (name: string): boolean => engine.find(name)?.id === ids.get(name);

test('members are upgraded as the release says, and the host stays on it', async () => {
  const report = await host.settled(await host.order(ref, { ...of('web-1', 'web-2'), upgrade: upgradeTwo }));

  expect(report).toMatchObject({ action: 'service', phase: 'done', refused: null, error: null, upgrade: 'upgrade-2' });
  expect(report.installed).toMatchObject({ version: '2.0.0' });
  expect(report.measured).toEqual({ 'container:web-1': image, 'container:web-2': image });
  expect(engine.find('web-1')).toMatchObject({ image, env: { SITE: 'lab', LEVEL: 'debug' }, status: 'running' });
  expect(engine.find('web-1')?.labels).toMatchObject({ 'dev.refit.upgrade': 'upgrade-2' });
});

test('a member that fails takes the members of the order back, and the host stays on its release', async () => {
  const doomed = engine.startContainer.bind(engine);
  engine.startContainer = (container) => {
    engine.diesAtOnce = engine.find(container)?.name === 'web-2' && !asBefore('web-2');
    return doomed(container);
  };

  const report = await host.settled(await host.order(ref, of('web-1', 'web-2')));

  expect(report).toMatchObject({ phase: 'reverted', installed: { version: '2.0.0' }, error: { step: 'member-2' } });
  expect(report.error?.message).toContain('container web-2 did not stay up');
  expect(engine.names()).toEqual(['web-1 running always', 'web-2 running always']);
  expect(asBefore('web-1') && asBefore('web-2')).toBe(true);
});

test.each<[string, () => Partial<Order>, string]>([
  [
    'a service that the release does not have',
    () => ({ ...of('web-1'), service: { name: parseServiceId('dns'), containers: ['web-1'] } }),
    'has no service dns; it has: web',
  ],
  ['a container that is not there', () => of('web-1', 'web-9'), 'there is no container web-9'],
  ['a container of another service', () => of('web-1', 'db'), 'container db is no member of service web'],
  [
    'a release that the host is not on',
    () => ({ ...of('web-1'), release: host.stage({ version: '3.0.0', steps: [], services: [web] }) }),
    'install sample 3.0.0 first',
  ],
])('an order for %s is refused before anything is touched', async (...[, order, why]) => {
  await engine.createContainer({
    name: 'db',
    image: 'db:1',
    labels: {},
    command: [],
    env: {},
    ports: [],
    volumes: [],
    network: 'bridge',
    restart: 'no',
  });

  const report = await host.settled(await host.order(ref, order()));

  expect(report.refused).toContain(why);
  expect(report).toMatchObject({ phase: 'done', installed: { version: '2.0.0' } });
  expect(asBefore('web-1') && asBefore('web-2')).toBe(true);
});

test('one member goes back, the other stays, and then the whole upgrade goes back', async () => {
  await host.settled(await host.order(ref, of('web-1')));
  await host.settled(await host.order(ref, of('web-2')));

  const one = await host.settled(await host.order(ref, back('web-2')));

  expect(one).toMatchObject({ action: 'revert', phase: 'reverted', refused: null, installed: { version: '2.0.0' } });
  expect([asBefore('web-1'), asBefore('web-2')]).toEqual([false, true]);

  const all = await host.settled(await host.order(ref, { action: 'revert' }));

  expect(all).toMatchObject({ phase: 'reverted', refused: null, installed: null });
  expect(engine.names()).toEqual(['web-1 running always', 'web-2 running always']);
  expect(asBefore('web-1') && asBefore('web-2')).toBe(true);
});

test('members of several orders go back with one', async () => {
  await host.settled(await host.order(ref, of('web-1')));
  await host.settled(await host.order(ref, of('web-2')));

  await host.settled(await host.order(ref, back('web-1', 'web-2')));

  expect(engine.names()).toEqual(['web-1 running always', 'web-2 running always']);
  expect(asBefore('web-1') && asBefore('web-2')).toBe(true);
});

test('the same order read by an agent that was started anew is not obeyed again', async () => {
  const order = await host.order(ref, of('web-1'));
  await host.settled(order);
  const upgraded = engine.find('web-1')?.id;

  host.start({ engine });
  await host.put(keys.order(me), order);
  await host.put(keys.report(me), JSON.stringify({ ...host.report(), phase: 'idle' }));

  await host.reported(order, ({ phase }) => phase === 'done');
  expect(engine.find('web-1')?.id).toBe(upgraded);
});

test('a release can be installed over upgraded services, and go back to them', async () => {
  await host.settled(await host.order(ref, of('web-1')));
  const upgraded = engine.find('web-1')?.id;
  const next = host.stage({ version: '3.0.0', steps: [countingStep('more', `${host.folder}/more`)] });

  const installed = await host.settled(await host.order(next, { upgrade: upgradeTwo }));
  const gone = await host.settled(await host.order(next, { upgrade: upgradeTwo, action: 'revert' }));

  expect(installed).toMatchObject({ phase: 'done', installed: { version: '3.0.0' } });
  expect(gone).toMatchObject({ phase: 'reverted', installed: { version: '2.0.0' } });
  expect(engine.find('web-1')?.id).toBe(upgraded);
  expect(names()).toEqual(['web-1 running always', 'web-2 running always']);
});

test('what a service kept goes when its upgrade can no longer be undone', async () => {
  for (const number of [2, 3, 4, 5, 6]) {
    const upgrade = parseUpgradeId(`upgrade-${number}`);
    const settings = { env: { LEVEL: `${number}` } };
    const release = host.stage({ version: `${number}.0.0`, steps: [], services: [{ ...web, settings }] });
    await host.settled(await host.order(release, { upgrade }));
    await host.settled(await host.order(release, { ...of('web-1'), upgrade }));
  }

  expect(engine.names().filter((name) => name.includes('.refit-kept-'))).toHaveLength(4);
  expect(engine.find(ids.get('web-1') ?? '')).toBeNull();
});

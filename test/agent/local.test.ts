import { existsSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { localOrderFile, writeLocalOrder } from '../../agent/local/order-file.ts';
import { readJournals } from '../../agent/local/journals.ts';
import { currentWork, installedRelease } from '../../agent/core/state.ts';
import { encodeBusValue, parseOrder } from '../../drivers/bus-values.ts';
import { parseDigest, parseUpgradeId } from '../../model/ids.ts';
import type { Order } from '../../model/bus.ts';
import type { Release } from '../../model/release.ts';
import { eventually } from '../eventually.ts';
import { chainEntry, jumps, migration } from '../fakes/release.ts';
import { buildAgentProgram, LocalHost } from './local-host.ts';
import type { ImageFolders } from './release-image.ts';
import { orderOf } from './states.ts';
import { countingStep, write } from './test-host.ts';

let built: Awaited<ReturnType<typeof buildAgentProgram>>;
let host: LocalHost;
beforeAll(async () => {
  built = await buildAgentProgram();
});
afterAll(() => built.remove());
beforeEach(() => {
  host = new LocalHost(built);
});
afterEach(() => host.close());

/** Says in `begun` that it runs, waits as long as there is a file `hold`, and writes a line at each effect. */
const counted = (more: Parameters<typeof countingStep>[2] = {}): ReturnType<typeof countingStep> => {
  const script = ': >begun; while [ -e hold ]; do sleep 0.02; done; echo effect >>count';
  const command = ['sh', '-c', `cd ${host.folder} && { ${script}; }`];
  return countingStep('count', join(host.folder, 'count'), { command, ...more });
};

const standingOrder = (): Order => {
  const parsed = parseOrder(readFileSync(localOrderFile(host.places), 'utf8'));
  if (!parsed.ok) throw new Error(parsed.problem);
  return parsed.value;
};

const orderFor = (image: ImageFolders, order: Partial<Order> = {}): Order => {
  const ref = { name: 'sample', version: '1.0.0', repository: 'registry.lab:5000/sample' };
  return orderOf({ release: { ...ref, digest: image.digest, contents: image.contents }, ...order });
};

test('a host that never had refit is upgraded by the image and its own agent alone', async () => {
  const ran = await host.run(host.image('1.0.0', [counted()]));

  expect(ran.end).toBe('done');
  expect(ran.lines.at(-1)).toMatchObject({ event: 'report', phase: 'done', refused: null });
  expect(host.read('count')).toBe('effect\n');
  expect(JSON.parse(readFileSync(host.places.config, 'utf8'))).toMatchObject({ host: 'host-1', etcd: null });
  expect(JSON.parse(readFileSync(host.places.installed, 'utf8'))).toMatchObject({ version: '1.0.0' });
  expect(statSync(dirname(localOrderFile(host.places))).mode & 0o777).toBe(0o700);
  expect(existsSync(localOrderFile(host.places))).toBe(false);
});

test('a release that fails takes the host back, and the job says so', async () => {
  const broken = countingStep('broken', '/nowhere/x', { command: ['sh', '-c', 'echo no room >&2; false'] });

  const ran = await host.run(host.image('1.0.0', [counted(), broken]));

  expect(ran.end).toBe('failed');
  expect(ran.lines.at(-1)).toMatchObject({ phase: 'reverted', error: { step: 'broken' } });
  expect(host.read('count')).toBeNull();
});

test('an agent that is killed in the middle goes on by itself, and each effect is there once', async () => {
  write(join(host.folder, 'hold'), '');
  const running = host.run(host.image('1.0.0', [counted()]));
  // Killed between its record and its command, it would have had none.
  await eventually(() => host.read('begun') !== null);

  await host.killAgent();
  rmSync(join(host.folder, 'hold'));
  // The command of the killed agent is not of its process here, and may end first.
  await eventually(() => host.read('count') === 'effect\n');
  host.startAgent();

  expect((await running).end).toBe('done');
  expect(host.read('count')).toBe('effect\n');
});

test('the same job, started again, goes on with what it ordered and orders nothing more', async () => {
  write(join(host.folder, 'hold'), '');
  const image = host.image('1.0.0', [counted()]);
  const first = host.run(image);
  await eventually(() => host.lines.some((line) => line.event === 'report' && line.step?.id === 'count'));
  const order = standingOrder();

  const second = host.run(image);
  rmSync(join(host.folder, 'hold'));

  expect((await Promise.all([first, second])).map(({ end }) => end)).toEqual(['done', 'done']);
  expect(readJournals(host.places).works.map((work) => work.order.epoch)).toEqual([order.epoch]);
  expect(host.read('count')).toBe('effect\n');
  expect((await host.run(image)).end).toBe('done');
});

const notThere = { ...orderOf().release, digest: parseDigest(`sha256:${'0'.repeat(64)}`) };

test.each([
  ['that the agent refuses', 'install'],
  ['to take back what is not there', 'revert'],
] as const)('a higher order %s, as on a host that lost its disk, does not stand in the way', async (_, action) => {
  const image = host.image('1.0.0', [counted()]);
  const earlier = orderFor(image, { action, epoch: 15, release: notThere });
  const running = host.run(image);
  await eventually(() => host.lines.some((line) => line.event === 'done'));
  await host.killAgent();
  await eventually(() => existsSync(localOrderFile(host.places)));
  writeLocalOrder(host.places, earlier);

  host.startAgent();

  expect((await running).end).toBe('done');
  expect(currentWork(readJournals(host.places))?.order.epoch).toBe(16);
  expect(host.read('count')).toBe('effect\n');
});

test('a higher order that the agent refuses while it is at the host’s own one is none of its business', async () => {
  write(join(host.folder, 'hold'), '');
  const image = host.image('1.0.0', [counted()]);
  const running = host.run(image);
  await eventually(() => host.read('begun') !== null);

  writeLocalOrder(host.places, orderFor(image, { epoch: 15, release: notThere }));
  await eventually(() => readJournals(host.places).answered?.order.epoch === 15);
  rmSync(join(host.folder, 'hold'));

  expect((await running).end).toBe('done');
  expect(host.read('count')).toBe('effect\n');
});

test('what the host does for the fleet right after its own order does not hide how that ended', async () => {
  write(join(host.folder, 'hold'), '');
  const image = host.image('1.0.0', [counted()]);
  const next = host.image('2.0.0', []);
  const running = host.run(image);
  await eventually(() => host.read('begun') !== null);
  await host.stage(next);

  writeLocalOrder(host.places, orderFor(next, { epoch: 15 }));
  await eventually(() => readJournals(host.places).answered?.order.epoch === 15);
  rmSync(join(host.folder, 'hold'));

  expect(await running).toMatchObject({ end: 'done' });
});

test('an install is taken back by its release', async () => {
  const image = host.image('1.0.0', [counted()]);
  await host.run(image);

  const ran = await host.run(image, { REFIT_LOCAL_ACTION: 'revert', REFIT_LOCAL_UPGRADE: 'local-2' });

  expect(ran.end).toBe('done');
  expect(ran.lines.at(-1)).toMatchObject({ phase: 'reverted', refused: null });
  expect(host.read('count')).toBeNull();
  expect(installedRelease(readJournals(host.places))).toBeNull();
});

test('nothing to take back is refused before anything is done', () => {
  const ran = host.check(host.image('1.0.0', [counted()]), { REFIT_LOCAL_ACTION: 'revert' });

  expect(ran).toMatchObject({ end: 'refused', lines: [{ event: 'refused' }] });
  expect(JSON.stringify(ran.lines)).toContain('keeps nothing of an install of sample 1.0.0');
});

test('a second upgrade is above the first, and leaves sequences to workers', async () => {
  await host.run(host.image('1.0.0', [counted()]));

  await host.run(host.image('2.0.0', []), { REFIT_LOCAL_UPGRADE: 'local-2' });

  expect(currentWork(readJournals(host.places))?.order).toMatchObject({ upgrade: 'local-2', epoch: 2, sequence: 0 });
});

test('a host of a fleet keeps its configuration, and one that had none of a fleet gets it', async () => {
  const image = host.image('1.0.0', []);
  const etcd = { endpoints: ['http://127.0.0.1:1'], tls: null };
  const asFleet = JSON.stringify({ fleet: 'site', host: 'web-3', etcd });
  await host.run(image);
  await host.run(image, { REFIT_AGENT_CONFIG: asFleet, REFIT_LOCAL_UPGRADE: 'local-2' });
  const first = JSON.parse(readFileSync(host.places.config, 'utf8')) as object;

  await host.run(image, { REFIT_LOCAL_UPGRADE: 'local-3' });

  expect(first).toMatchObject({ fleet: 'site', host: 'web-3', etcd });
  expect(JSON.parse(readFileSync(host.places.config, 'utf8'))).toEqual(first);
});

test('a check says what the release would do, and what it leaves to an upgrade of the fleet', async () => {
  await host.run(host.image('1.0.0', []));

  const ran = host.check(host.image('2.0.0', [], { migrations: [migration('widen')] }), {
    REFIT_LOCAL_UPGRADE: 'local-2',
  });

  expect(ran.end).toBe('done');
  expect(ran.lines).toMatchObject([
    { event: 'release', from: 'sample 1.0.0', version: '2.0.0', left: { migrations: ['widen'], services: [] } },
  ]);
});

const refusals: readonly {
  readonly what: string;
  readonly version: string;
  readonly changes?: Partial<Release>;
  readonly says: RegExp;
}[] = [
  { what: 'a downgrade', version: '0.9.0', says: /is on sample 1.0.0, which is newer/ },
  {
    what: 'a jump that the release does not name',
    version: '3.0.0',
    changes: { upgradesFrom: jumps('>=2.0.0') },
    says: /is on sample 1.0.0, /,
  },
  {
    what: 'a release of another fleet',
    version: '2.0.0',
    changes: { fleets: ['site-*'] },
    says: /is for the fleets site-\*/,
  },
  {
    what: 'a path of two hops, naming the one to go first,',
    version: '3.0.0',
    changes: { upgradesFrom: jumps('^2.0.0'), chain: [chainEntry('2.0.0', ['^1.0.0'])] },
    says: /more than one jump away; first: refit host upgrade --local registry.lab:5000\/sample@sha256:e+ \(2.0.0\)/,
  },
];

test.each(refusals)('$what is refused, and nothing is changed', async ({ version, changes, says }) => {
  await host.run(host.image('1.0.0', []));
  const image = host.image(version, [counted()], changes);

  const ran = await host.run(image, { REFIT_LOCAL_UPGRADE: 'local-2' });

  expect(ran.end).toBe('refused');
  expect(host.check(image, { REFIT_LOCAL_UPGRADE: 'local-2' }).end).toBe('refused');
  expect(JSON.stringify(ran.lines)).toMatch(says);
  expect(existsSync(host.places.release(image.digest))).toBe(false);
});

test('a jump at a risk needs the risk by its name', async () => {
  const limit = { limit: 'risk', name: 'cold-cache', reason: 'the first hour is slow' } as const;
  await host.run(host.image('1.0.0', []));
  const image = host.image('2.0.0', [], { upgradesFrom: [{ range: '^1.0.0', limit }] });
  const next = { REFIT_LOCAL_UPGRADE: 'local-2' };

  expect(host.check(image, next).end).toBe('refused');
  expect(host.check(image, { ...next, REFIT_ACCEPT_RISKS: 'warm\ncold-cache' }).end).toBe('done');
});

test('a host at work for the fleet is not disturbed', async () => {
  const image = host.image('1.0.0', [counted()]);
  await host.run(host.image('0.5.0', []));
  write(join(host.folder, 'hold'), '');
  await host.stage(image);
  const fleets = orderFor(image, { upgrade: parseUpgradeId('site-7'), epoch: 9 });
  writeLocalOrder(host.places, fleets);
  await eventually(() => currentWork(readJournals(host.places))?.order.upgrade === fleets.upgrade);

  const ran = host.check(host.image('2.0.0', []), { REFIT_LOCAL_UPGRADE: 'local-2' });
  rmSync(join(host.folder, 'hold'));

  expect(ran.end).toBe('refused');
  expect(JSON.stringify(ran.lines)).toMatch(/is at work with sample 1.0.0 of upgrade site-7 \(\w+\); wait/);
});

test('what is no whole order, or not root’s alone, is not obeyed, and the log says so', async () => {
  const image = host.image('1.0.0', [counted()]);
  await host.run(host.image('0.5.0', []));
  const file = localOrderFile(host.places);
  const text = encodeBusValue(orderFor(image, { epoch: 9 }));

  write(file, text.slice(0, text.length / 2));
  await eventually(() => host.log.includes('unreadable order'));
  rmSync(file);
  write(join(host.folder, 'elsewhere'), text);
  symlinkSync(join(host.folder, 'elsewhere'), file);
  await eventually(() => host.log.includes("can't be read"));

  expect(currentWork(readJournals(host.places))?.order.release.version).toBe('0.5.0');
});

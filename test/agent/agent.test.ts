import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseUpgradeId } from '../../model/ids.ts';
import { countingStep, filesStep, keys, me, TestHost, upgradeOne, write } from './test-host.ts';
import { eventually } from '../eventually.ts';

let host: TestHost;
beforeEach(() => {
  host = new TestHost();
});
afterEach(() => host.close());

const motd = (
  version: string,
): { version: string; files: Record<string, string>; steps: [ReturnType<typeof filesStep>] } => ({
  version,
  files: { 'files/motd': `welcome to ${version}\n` },
  steps: [filesStep('motd', { 'files/motd': '/etc/motd' })],
});
const read = (path: string): string => readFileSync(join(host.folder, path), 'utf8');

test('an order is installed, measured and reported, and the host says what it is on', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'done', refused: null, error: null, installed: { version: '2.0.0' } });
  expect(report.measured['file:/etc/motd']).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(read('etc/motd')).toBe('welcome to 2.0.0\n');
  await eventually(() =>
    expect(JSON.parse(read('var/lib/refit/installed.json'))).toMatchObject({ version: '2.0.0', digest: ref.digest }),
  );
});

test('a step that fails takes the host back to what it was, and the report says which step and why', async () => {
  write(join(host.folder, 'etc/motd'), 'as it was\n');
  const broken = countingStep('broken', join(host.folder, 'never'), {
    command: ['sh', '-c', 'echo no such luck >&2; exit 3'],
  });
  const ref = host.stage({ ...motd('2.0.0'), steps: [...motd('2.0.0').steps, broken] });
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'reverted', installed: null, error: { step: 'broken', kind: 'failed' } });
  expect(report.error?.message).toContain('no such luck');
  expect(read('etc/motd')).toBe('as it was\n');
});

test('an undo that keeps failing ends in stuck and says what a person has to look at', async () => {
  const file = join(host.folder, 'made');
  const ref = host.stage({
    version: '2.0.0',
    steps: [
      countingStep('first', file, { undo: ['false'] }),
      countingStep('second', '/nowhere/x', { command: ['false'] }),
    ],
  });
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'stuck', error: { step: 'first' } });
  expect(report.error?.message).toMatch(/undo failed 3 times.*second/s);
});

test('the same order read again is not obeyed again, also by an agent that was started anew', async () => {
  const file = join(host.folder, 'count');
  const ref = host.stage({ version: '2.0.0', steps: [countingStep('count', file)] });
  const first = host.start();
  const order = await host.order(ref);
  await host.settled(order);
  first.stop();

  host.start();
  await host.put(keys.order(me), order);
  await host.put(keys.report(me), JSON.stringify({ ...host.report(), phase: 'idle' }));

  await host.reported(order, ({ phase }) => phase === 'done');
  expect(readFileSync(file, 'utf8')).toBe('count\n');
});

test('an order below the highest seen is refused and changes nothing', async () => {
  const [one, two] = [host.stage(motd('1.0.0')), host.stage(motd('2.0.0'))];
  host.start();
  const order = await host.order(two, { epoch: 7 });
  await host.settled(order);

  const stale = await host.order(one, { epoch: 6, sequence: 90 });

  const report = await host.reported(stale, ({ refused }) => refused !== null);
  expect(report).toMatchObject({ phase: 'done', installed: { version: '2.0.0' } });
  expect(report.refused).toContain('stale order');
  expect(read('etc/motd')).toBe('welcome to 2.0.0\n');
  // The report that counts comes back, so that the worker of epoch 7 finds its answer.
  await host.reported(order, ({ phase }) => phase === 'done');
});

test('an unreadable order is reported and never obeyed', async () => {
  host.start();

  await host.put(keys.order(me), '{"v": 1, "action": "install"}');

  const report = await eventually(() => host.report());
  expect(report).toMatchObject({ epoch: 0, phase: 'idle' });
  expect(report.refused).toMatch(/^unreadable order/);
});

test('a file of the release that is not what the digest says is named, and nothing is done', async () => {
  const ref = host.stage(motd('2.0.0'));
  write(join(host.places.release(ref.digest), 'files/motd'), 'something else\n');
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'idle' });
  expect(report.refused).toContain('files/motd has sha256');
  expect(existsSync(join(host.folder, 'etc/motd'))).toBe(false);
});

test('a release that is not on the host is refused with what to do', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();

  const report = await host.settled(await host.order({ ...ref, digest: ref.contents }));

  expect(report.refused).toMatch(/not on this host.*download it first/);
});

test('a revert brings back what the upgrade replaced, and the release from before', async () => {
  const [one, two] = [host.stage(motd('1.0.0')), host.stage(motd('2.0.0'))];
  const later = parseUpgradeId('upgrade-2');
  host.start();
  await host.settled(await host.order(one));
  await host.settled(await host.order(two, { upgrade: later }));

  const report = await host.reported(
    await host.order(two, { upgrade: later, action: 'revert' }),
    ({ phase }) => phase === 'reverted',
  );

  expect(report).toMatchObject({ action: 'revert', refused: null, error: null, installed: { version: '1.0.0' } });
  expect(read('etc/motd')).toBe('welcome to 1.0.0\n');
  const first = await host.reported(await host.order(one, { action: 'revert' }), ({ phase }) => phase === 'reverted');
  expect(first.installed).toBeNull();
  expect(existsSync(join(host.folder, 'etc'))).toBe(false);
});

test('a revert of an upgrade that another one followed is refused', async () => {
  const [one, two] = [host.stage(motd('1.0.0')), host.stage(motd('2.0.0'))];
  host.start();
  await host.settled(await host.order(one));
  await host.settled(await host.order(two, { upgrade: parseUpgradeId('upgrade-2') }));

  const report = await host.settled(await host.order(one, { action: 'revert' }));

  expect(report.refused).toContain('followed by sample 2.0.0');
});

test('a revert of an upgrade that never touched the host is done at once', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();

  const report = await host.settled(await host.order(ref, { action: 'revert', upgrade: parseUpgradeId('other') }));

  expect(report).toMatchObject({ phase: 'reverted', refused: null, action: 'revert' });
});

test('an order to go back stops an install in the middle', async () => {
  const file = join(host.folder, 'made');
  const steps = [countingStep('made', file), countingStep('slow', '/nowhere/x', { command: ['sleep', '60'] })];
  const ref = host.stage({ version: '2.0.0', steps });
  host.start();
  await host.reported(await host.order(ref), ({ step }) => step?.id === 'slow');

  const report = await host.reported(await host.order(ref, { action: 'revert' }), ({ phase }) => phase === 'reverted');

  expect(report).toMatchObject({ action: 'revert', error: null });
  expect(existsSync(file)).toBe(false);
});

test('a host that is on the release already is verified and not touched', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();
  await host.settled(await host.order(ref));

  const order = await host.order(ref, { upgrade: parseUpgradeId('upgrade-2') });

  expect(await host.settled(order)).toMatchObject({ phase: 'done', upgrade: 'upgrade-2' });
  const journal = readFileSync(
    join(host.places.journal, `${'1'.padStart(16, '0')}-${'2'.padStart(16, '0')}.jsonl`),
    'utf8',
  );
  expect(journal).not.toContain('stepStarted');
});

test('a host that is on the release but was changed since gets its steps again', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();
  await host.settled(await host.order(ref));
  write(join(host.folder, 'etc/motd'), 'somebody was here\n');

  const report = await host.settled(await host.order(ref, { upgrade: parseUpgradeId('upgrade-2') }));

  expect(report.phase).toBe('done');
  expect(read('etc/motd')).toBe('welcome to 2.0.0\n');
});

test('an order for another release waits while the host is at work, and is obeyed after it', async () => {
  const gate = join(host.folder, 'gate');
  const slow = countingStep('slow', join(host.folder, 'slow'), {
    command: ['sh', '-c', `while ! test -e ${gate}; do sleep 0.05; done; touch ${join(host.folder, 'slow')}`],
  });
  const [one, two] = [host.stage({ version: '1.0.0', steps: [slow] }), host.stage(motd('2.0.0'))];
  host.start();
  await host.reported(await host.order(one), ({ step }) => step?.id === 'slow');

  const order = await host.order(two, { epoch: 2, upgrade: parseUpgradeId('upgrade-2') });
  const busy = await host.reported(order, ({ refused }) => refused !== null);
  write(gate, '');

  expect(busy.refused).toMatch(/^busy with sample 1.0.0 of upgrade upgrade-1/);
  expect(busy.phase).toBe('installing');
  await host.reported(order, ({ phase, refused }) => phase === 'done' && refused === null);
  expect(read('etc/motd')).toBe('welcome to 2.0.0\n');
});

test('a newer order for the same release takes over the work at hand and restarts nothing', async () => {
  const file = join(host.folder, 'slow');
  const slow = countingStep('slow', file, {
    command: ['sh', '-c', `echo once >>${file}.count; sleep 0.5; touch ${file}`],
  });
  const ref = host.stage({ version: '2.0.0', steps: [slow] });
  host.start();
  await host.reported(await host.order(ref), ({ step }) => step?.id === 'slow');

  const report = await host.settled(await host.order(ref, { epoch: 2, upgrade: parseUpgradeId('upgrade-2') }));

  expect(report).toMatchObject({ phase: 'done', epoch: 2, upgrade: 'upgrade-2' });
  expect(readFileSync(`${file}.count`, 'utf8')).toBe('once\n');
});

test('a host that never becomes healthy goes back as unhealthy', async () => {
  const health = { probes: [{ type: 'exec', command: ['false'] }] as const, minHealthyTimeMs: 100, deadlineMs: 300 };
  const ref = host.stage({ ...motd('2.0.0'), host: { health } });
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report).toMatchObject({ phase: 'reverted', error: { kind: 'unhealthy', step: null } });
  expect(existsSync(join(host.folder, 'etc/motd'))).toBe(false);
});

test('probes have to hold for the whole healthy time', async () => {
  const health = { probes: [{ type: 'exec', command: ['true'] }] as const, minHealthyTimeMs: 400, deadlineMs: 5_000 };
  const ref = host.stage({ ...motd('2.0.0'), host: { health } });
  host.start();

  const report = await host.settled(await host.order(ref));

  expect(report.phase).toBe('done');
  expect((report.finishedAt ?? 0) - report.startedAt).toBeGreaterThanOrEqual(400);
});

test('a host that is not done within its deadline kills the step and goes back', async () => {
  const ref = host.stage({
    version: '2.0.0',
    steps: [countingStep('slow', '/nowhere/x', { command: ['sleep', '60'] })],
  });
  host.start();

  const report = await host.settled(await host.order(ref, { deadlineMs: 300 }));

  expect(report).toMatchObject({ phase: 'reverted', error: { kind: 'deadline', step: 'slow' } });
});

test('a probe says whether a step could work here and changes nothing', async () => {
  const probed = countingStep('probed', join(host.folder, 'x'), {
    probe: ['sh', '-c', 'echo registry is away; exit 1'],
  });
  const ref = host.stage({ version: '2.0.0', steps: [probed, ...motd('2.0.0').steps], files: motd('2.0.0').files });
  host.start();

  const bad = await host.reported(
    await host.order(ref, { action: 'probe', step: probed.id }),
    ({ probe }) => probe !== null,
  );
  const good = await host.reported(
    await host.order(ref, { action: 'probe', step: motd('2.0.0').steps[0].id }),
    ({ probe }) => probe !== null,
  );

  expect(bad).toMatchObject({ phase: 'idle', probe: { ok: false } });
  expect(bad.probe?.evidence).toContain('registry is away');
  expect(good.probe).toMatchObject({ ok: true });
});

test('an order with a baton waits for its turn, and hands it on when the host is healthy', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();
  const order = await host.order(ref, { start: 'baton' });
  await host.reported(order, ({ phase }) => phase === 'staged');
  await host.put(keys.chain(upgradeOne), { v: 1, upgrade: upgradeOne, epoch: 1, hosts: [me, 'host-2'] });
  await host.put(keys.hold(upgradeOne), { v: 1, epoch: 1, reason: 'lunch', since: 0 });
  await host.put(keys.baton(upgradeOne), { v: 1, epoch: 1, position: 0, holder: me });
  expect(host.report()?.phase).toBe('staged');

  await host.bus.connect().write({ conditions: [], puts: [], deletes: [keys.hold(upgradeOne)] });

  await host.reported(order, ({ phase }) => phase === 'done');
  await eventually(() =>
    expect(host.bus.json(keys.baton(upgradeOne))).toMatchObject({ position: 1, holder: 'host-2' }),
  );
});

test('a baton of another epoch is not taken', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();
  const order = await host.order(ref, { start: 'baton', epoch: 2 });
  await host.put(keys.baton(upgradeOne), { v: 1, epoch: 1, position: 0, holder: me });
  await host.reported(order, ({ phase }) => phase === 'staged');

  const report = await host.reported(
    await host.order(ref, { action: 'stand-down', epoch: 2 }),
    ({ phase }) => phase === 'reverted',
  );

  expect(report).toMatchObject({ action: 'stand-down', refused: null });
  expect(existsSync(join(host.folder, 'etc/motd'))).toBe(false);
});

test('an install goes on while the bus is away, and its report arrives when the bus is back', async () => {
  const gate = join(host.folder, 'gate');
  const slow = countingStep('slow', join(host.folder, 'slow'), {
    command: ['sh', '-c', `while ! test -e ${gate}; do sleep 0.05; done; touch ${join(host.folder, 'slow')}`],
  });
  const ref = host.stage({ ...motd('2.0.0'), steps: [slow, ...motd('2.0.0').steps] });
  host.start();
  const order = await host.order(ref);
  await host.reported(order, ({ step }) => step?.id === 'slow');

  host.bus.down();
  write(gate, '');
  await eventually(() => existsSync(join(host.folder, 'etc/motd')));
  host.bus.up();

  await host.reported(order, ({ phase }) => phase === 'done');
});

test('after a wipe of the bus the report is there again', async () => {
  const ref = host.stage(motd('2.0.0'));
  host.start();
  const order = await host.order(ref);
  await host.settled(order);

  host.bus.wipe();

  await host.reported(order, ({ phase }) => phase === 'done');
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHostSteps } from '../../agent/steps/host-steps.ts';
import { hopUpgradeId, parseUpgradeId } from '../../model/ids.ts';
import { MAX_HOPS } from '../../model/plan.ts';
import type { IfEdited, ReleaseRef } from '../../model/release.ts';
import { noEngine } from './fake-engine.ts';
import { filesStep, keys, me, TestHost, upgradeOne, write } from './test-host.ts';

let host: TestHost;
beforeEach(() => {
  host = new TestHost();
});
afterEach(() => host.close());

const CONF = '/etc/app.conf';
const stage = (version: string, text: string, ifEdited: IfEdited = 'replace'): ReleaseRef =>
  host.stage({ version, files: { 'app.conf': text }, steps: [filesStep('conf', { 'app.conf': CONF }, ifEdited)] });
const read = (path = CONF): string => readFileSync(host.places.on(path), 'utf8');
const inEtc = (): readonly string[] => readdirSync(host.places.on('/etc')).sort();

test(
  'a path of as many hops as there may be is installed, and taken back hop by hop, newest first',
  { timeout: 60_000 },
  async () => {
    const first = stage('1.0.0', 'of 1\n');
    const hops = Array.from({ length: MAX_HOPS }, (_, index) => stage(`2.${index}.0`, `of 2.${index}\n`));
    host.start();
    await host.settled(await host.order(first, { upgrade: parseUpgradeId('earlier') }));
    for (const [index, hop] of hops.entries()) {
      const done = await host.settled(await host.order(hop, { upgrade: hopUpgradeId(upgradeOne, index) }));
      expect(done).toMatchObject({ phase: 'done', refused: null });
    }

    const backwards = [...hops.entries()].reverse();
    for (const [index, hop] of backwards) {
      const upgrade = hopUpgradeId(upgradeOne, index);
      const report = await host.settled(await host.order(hop, { upgrade, action: 'revert' }));
      expect(report).toMatchObject({ phase: 'reverted', refused: null });
      expect(read()).toBe(index === 0 ? 'of 1\n' : `of 2.${index - 1}\n`);
    }

    expect(host.report()?.installed).toMatchObject({ version: '1.0.0' });
  },
);

test('a hop that another one followed is not taken back before that', async () => {
  const hops = ['2.0.0', '3.0.0'].map((version) => stage(version, version));
  host.start();
  for (const [index, hop] of hops.entries())
    await host.settled(await host.order(hop, { upgrade: hopUpgradeId(upgradeOne, index) }));

  const report = await host.settled(await host.order(hops[0] ?? stage('0.0.0', ''), { action: 'revert' }));

  expect(report.refused).toContain('followed by sample 3.0.0 of upgrade upgrade-1.hop-2; revert that first');
  expect(read()).toBe('3.0.0');
});

describe('an edited file that asks', () => {
  const second = parseUpgradeId('upgrade-2');
  let next: ReleaseRef;
  /** A host on 1.0.0 with an edited file, before 2.0.0, which brings another. */
  beforeEach(async () => {
    const first = stage('1.0.0', 'old', 'ask');
    next = stage('2.0.0', 'new', 'ask');
    host.start();
    await host.settled(await host.order(first));
    write(host.places.on(CONF), 'mine');
  });

  test('keeps an install from being accepted, so that the host is left as it was', async () => {
    const report = await host.settled(await host.order(next, { upgrade: second }));

    expect(report).toMatchObject({ phase: 'done', installed: { version: '1.0.0' } });
    expect(report.refused).toBe(
      'nothing was done: /etc/app.conf on host host-1 was edited, and sample 2.0.0 brings another; say what becomes of ' +
        'it with: refit retry upgrade-2 host-1 --edited keep, or: refit retry upgrade-2 host-1 --edited replace',
    );
    expect(inEtc()).toEqual(['app.conf']);
    expect(readdirSync(host.places.journal).filter((name) => name.endsWith('.jsonl'))).toHaveLength(1);
  });

  test('is kept when the next order says so, and the report says that it is', async () => {
    await host.settled(await host.order(next, { upgrade: second }));

    const report = await host.settled(await host.order(next, { upgrade: second, edited: 'keep' }));

    expect(report).toMatchObject({ phase: 'done', refused: null, installed: { version: '2.0.0' } });
    expect(report.measured[`file:${CONF}`]).toMatch(/^sha256:[0-9a-f]{64} \(edited, kept\)$/);
    expect([read(), read(`${CONF}.refit-new`)]).toEqual(['mine', 'new']);
  });

  test('is as it was again when that is taken back', async () => {
    await host.settled(await host.order(next, { upgrade: second, edited: 'replace' }));
    const there = [read(), read(`${CONF}.refit-edited`)];

    await host.settled(await host.order(next, { upgrade: second, action: 'revert' }));

    expect(there).toEqual(['new', 'mine']);
    expect(read()).toBe('mine');
    expect(inEtc()).toEqual(['app.conf']);
  });

  test('that was kept is no reason to do anything when the same release is ordered again', async () => {
    await host.settled(await host.order(next, { upgrade: second, edited: 'keep' }));

    const report = await host.settled(await host.order(next, { upgrade: parseUpgradeId('upgrade-3') }));

    expect(report).toMatchObject({ phase: 'done', refused: null });
    expect(report.measured[`file:${CONF}`]).toContain('(edited, kept)');
    expect(host.logs.filter((line) => line.startsWith('installed, but not'))).toEqual([]);
    expect(inEtc()).toEqual(['app.conf', 'app.conf.refit-new']);
  });

  test('is found when a chain comes to the host, though it was not edited yet when the order came', async () => {
    write(host.places.on(CONF), 'old');
    const order = await host.order(next, { upgrade: second, start: 'baton' });
    await host.reported(order, ({ phase }) => phase === 'staged');
    write(host.places.on(CONF), 'mine');

    await host.put(keys.chain(second), { v: 1, upgrade: second, epoch: 1, hosts: [me] });
    await host.put(keys.baton(second), { v: 1, epoch: 1, position: 0, holder: me });

    const report = await host.settled(order);
    expect(report).toMatchObject({ phase: 'reverted', installed: { version: '1.0.0' }, error: { step: 'conf' } });
    expect(report.error?.message).toContain('--edited keep');
    expect(inEtc()).toEqual(['app.conf']);
  });
});

test('edited files that can’t be looked at are a refusal, and no reason for an agent to end', async () => {
  const question = (): Promise<never> => Promise.reject(new Error('EIO: i/o error'));
  host.start({ steps: { ...createHostSteps(host.places, noEngine), question } });

  const report = await host.settled(await host.order(stage('1.0.0', 'new')));

  expect(report.refused).toBe('edited files could not be looked at: EIO: i/o error; nothing was done');
});

test('a release of before there was a choice replaces, and keeps the edited file beside', async () => {
  const ref = stage('2.0.0', 'new');
  write(host.places.on(CONF), 'mine');
  host.start();

  await host.settled(await host.order(ref));

  expect(readFileSync(join(host.places.release(ref.digest), 'release.json'), 'utf8')).not.toContain('ifEdited');
  expect([read(), read(`${CONF}.refit-edited`)]).toEqual(['new', 'mine']);
  expect(existsSync(host.places.on(`${CONF}.refit-new`))).toBe(false);
});

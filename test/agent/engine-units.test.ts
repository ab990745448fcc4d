import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineUnits } from '../../agent/steps/engine-units.ts';
import { captureUnits, isToBeUp, runEarlierProgram, settleUnits, wasUp } from '../../agent/steps/engine-units.ts';
import { eventually } from '../eventually.ts';
import { FakeSystemctl } from './fake-systemctl.ts';

const UNITS = ['containerd.service', 'docker.socket', 'docker.service'] as const;
const { signal } = new AbortController();
const limits = { timeoutMs: 5_000, signal };

let folder: string;
let systemctl: FakeSystemctl;
let engine: ChildProcess;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-engine-units-'));
  systemctl = new FakeSystemctl(join(folder, 'bin'));
  for (const unit of UNITS) systemctl.set(unit, {});
  const program = join(folder, 'dockerd');
  copyFileSync('/bin/sleep', program);
  engine = spawn(program, ['600'], { stdio: 'ignore' });
});
afterEach(() => {
  engine.kill('SIGKILL');
  systemctl.close();
  rmSync(folder, { recursive: true, force: true });
});

/** dpkg's way: the running program keeps its old file. */
async function replaceProgram(): Promise<void> {
  systemctl.set('docker.service', { mainPid: engine.pid ?? 0 });
  await eventually(async () => !(await runEarlierProgram(signal)));
  rmSync(join(folder, 'dockerd'));
}

test('an engine whose program was not replaced is left alone', async () => {
  await settleUnits(await captureUnits(signal), limits);

  expect(systemctl.calls()).toEqual(['daemon-reload']);
});

test('one that still runs the program from before is restarted, and only that one', async () => {
  const before = await captureUnits(signal);
  await replaceProgram();

  expect(await runEarlierProgram(signal)).toBe(true);
  await settleUnits(before, limits);

  expect(systemctl.calls()).toEqual(['daemon-reload', 'restart docker.service']);
  expect(await runEarlierProgram(signal)).toBe(false);
});

test('what ran is started again, containerd first', async () => {
  const before = await captureUnits(signal);
  for (const unit of UNITS) systemctl.set(unit, { activeState: unit === 'docker.service' ? 'failed' : 'inactive' });

  await settleUnits(before, limits);

  expect(systemctl.calls()).toEqual(['daemon-reload', ...UNITS.map((unit) => `start ${unit}`)]);
});

test('an engine that its first client starts is stopped again, its socket is not', async () => {
  systemctl.set('docker.service', { activeState: 'inactive' });
  const before = await captureUnits(signal);
  systemctl.set('docker.service', {});

  await settleUnits(before, limits);

  expect(systemctl.calls()).toEqual(['daemon-reload', 'stop docker.service']);
  expect([wasUp(before), await isToBeUp(before, signal)]).toEqual([false, false]);
});

test('an engine that was not there is started once its packages brought it, and may be gone after the way back', async () => {
  for (const unit of UNITS) systemctl.set(unit, { loadState: 'not-found', activeState: 'inactive' });
  const before = await captureUnits(signal);

  await settleUnits(before, limits);
  expect([systemctl.calls(), await isToBeUp(before, signal)]).toEqual([['daemon-reload'], false]);

  systemctl.set('docker.service', { activeState: 'inactive' });
  await settleUnits(before, limits);
  expect([systemctl.calls().at(-1), await isToBeUp(before, signal)]).toEqual(['start docker.service', true]);
});

test.each([
  ['is starting', { activeState: 'activating' }],
  ['waits for its turn', { activeState: 'inactive', isQueued: true }],
] as const)('one that %s after a boot is waited for: it ran', async (_, state) => {
  systemctl.set('docker.service', state);
  let captured: EngineUnits | null = null;
  const capturing = captureUnits(signal).then((units) => (captured = units));
  await eventually(() => expect(systemctl.looks('docker.service')).toBeGreaterThan(1));
  expect(captured).toBeNull();

  systemctl.set('docker.service', {});

  expect(wasUp(await capturing)).toBe(true);
});

test('a masked one is refused by its name before anything is changed', async () => {
  systemctl.set('docker.service', { loadState: 'masked', activeState: 'inactive' });

  await expect(captureUnits(signal)).rejects.toThrow(/docker\.service is masked.*systemctl unmask docker\.service/);
});

test('one that does not start is told with its reason', async () => {
  const before = await captureUnits(signal);
  systemctl.set('docker.service', { activeState: 'failed' });
  systemctl.breakStartsOf('docker.service');

  await expect(settleUnits(before, limits)).rejects.toThrow(
    /start docker\.service exited with 1: docker\.service can not/,
  );
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { placesUnder, type Places } from '../../agent/places.ts';
import { engineKind } from '../../agent/steps/engine.ts';
import type { StepSite } from '../../agent/steps/kind.ts';
import type { EngineDaemon } from '../../model/engine.ts';
import { parseStepId } from '../../model/ids.ts';
import type { EngineStep } from '../../model/release.ts';
import { FakeSystemctl } from './fake-systemctl.ts';
import { stepSite } from './step-site.ts';
import { write } from './test-host.ts';

let folder: string;
let places: Places;
let systemctl: FakeSystemctl;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'refit-engine-step-'));
  places = placesUnder(join(folder, 'host'));
  systemctl = new FakeSystemctl(join(folder, 'bin'));
  for (const unit of ['containerd.service', 'docker.socket', 'docker.service']) {
    systemctl.set(unit, { loadState: 'not-found', activeState: 'inactive' });
  }
  write(places.on('/var/lib/dpkg/status'), '');
});
afterEach(() => {
  systemctl.close();
  rmSync(folder, { recursive: true, force: true });
});

const away = (): Promise<never> => Promise.reject(new Error('no engine'));
const daemon: EngineDaemon = { about: away, running: away, endOf: away, startContainer: away };
const kind = engineKind(daemon);
const step: EngineStep = {
  ...{ id: parseStepId('engine'), type: 'engine', format: 'deb', timeoutMs: 60_000 },
  packages: [{ file: 'docker.io.deb', name: 'docker.io', version: '2', architecture: 'all' }],
};
const site = (): StepSite => stepSite(folder, places);

test('data that a way back would purge with the package is not put at that risk, whoever filled the folder', async () => {
  write(places.on('/var/lib/docker/volumes/data'), '');

  await expect(kind.capture(step, site())).rejects.toThrow(
    '/var/lib/docker is filled, and docker.io, which a way back would purge together with it, is not installed',
  );
});

test('on a host without any the engine’s package may be new', async () => {
  expect(await kind.capture(step, site())).toMatchObject({
    packages: [{ kind: 'absent', name: 'docker.io' }],
    running: [],
  });
});

test('a probe does not wait for an engine that comes up again and again: it says so', async () => {
  systemctl.set('docker.service', { activeState: 'activating' });

  expect(await kind.probe(step, site())).toEqual({
    ok: false,
    evidence: 'docker.service is activating; bring it up, or stop it',
  });
});

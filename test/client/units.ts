import { parseFleetId, parseHostId, parseServiceId, parseUnitId, parseUpgradeId } from '../../model/ids.ts';
import { defaultUnitPolicy, type UnitRelease, type UnitService } from '../../model/unit.ts';
import {
  unitSteps,
  type JobRecord,
  type UnitMemberProgress,
  type UnitProgress,
  type UnitStep,
  type UnitStepProgress,
} from '../../model/unit-upgrade.ts';
import { digestOf } from '../fakes/release.ts';
import { BEGAN } from './progress.ts';

export const shop = parseUnitId('shop');

export function makeUnit(changes: Partial<UnitProgress> = {}): UnitProgress {
  return {
    ...{ id: parseUpgradeId('shop-1'), fleet: parseFleetId('lab'), unit: shop },
    ...{ release: 'sample 2.0.0', digest: digestOf('b') },
    ...{ state: 'running', step: null, active: 'blue', standby: null, steps: makeSteps() },
    ...{ members: [], jobs: [], traffic: null, keptUntil: null, waiting: [], findings: [], decisions: [] },
    ...{ error: null, startedAt: BEGAN, finishedAt: null },
    ...changes,
  };
}

/** All of a unit's steps, those that are named as they are said. */
export const makeSteps = (
  said: Partial<Record<UnitStep, Partial<UnitStepProgress>>> = {},
): readonly UnitStepProgress[] =>
  unitSteps.map((name) => ({
    ...{ name, state: 'pending', detail: null, startedAt: null, finishedAt: null },
    ...said[name],
  }));

/** A step that took a second. */
export const done: Partial<UnitStepProgress> = { state: 'done', startedAt: BEGAN, finishedAt: BEGAN + 1_000 };

export function makeUnitMember(
  host: string,
  container: string,
  changes: Partial<UnitMemberProgress> = {},
): UnitMemberProgress {
  const names = { host: parseHostId(host), container, service: parseServiceId('web') };
  return { ...names, slot: 'green', state: 'planned', ...changes };
}

export const makeJob = (changes: Partial<JobRecord> = {}): JobRecord => ({
  ...{ name: 'smoke', state: 'succeeded', exitCode: 0, output: 'all is well\n' },
  ...changes,
});

/** A release's unit: a web service, and what is told of it. */
export function makeUnitRelease(changes: Partial<UnitRelease> = {}): UnitRelease {
  const { approval, soak, keepMs, drainMs, confirmMs } = defaultUnitPolicy;
  return {
    ...{ name: shop, services: [makeUnitService('web')], migrations: [], accountData: null, addOns: [], tests: [] },
    policy: { approval, soak, keepMs, drainMs, confirmMs },
    ...changes,
  };
}

export function makeUnitService(name: string, changes: Partial<UnitService> = {}): UnitService {
  const image = `registry.lab:5000/${name}@${digestOf('d')}`;
  return {
    ...{ name: parseServiceId(name), image, command: [], entrypoint: null, env: {}, files: [] },
    ...{ shared: false, members: 1, placement: { labels: {}, perHost: 1 }, dependsOn: [] },
    ...{ port: { inside: 8080, blue: 8110, green: 8120 }, volumes: [], memoryBytes: null },
    health: { minHealthyTimeMs: 0, deadlineMs: 1_000, probe: null },
    ...changes,
  };
}

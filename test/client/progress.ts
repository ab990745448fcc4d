import { parseDigest, parseFleetId, parseHostId, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import type {
  Decision,
  HostProgress,
  MigrationRecord,
  Progress,
  ServiceStanding,
  Waiting,
} from '../../model/upgrade.ts';

/** When every made-up upgrade began; ms since the epoch. */
export const BEGAN = Date.UTC(2026, 0, 2, 3, 4, 5);

export function makeProgress(changes: Partial<Progress> = {}): Progress {
  return {
    id: parseUpgradeId('lab-7'),
    fleet: parseFleetId('lab'),
    release: 'sample 2.0.0',
    digest: parseDigest(`sha256:${'a'.repeat(64)}`),
    state: 'running',
    phase: 'install',
    hosts: [makeHost('host-1')],
    services: [],
    hops: [],
    migrations: [],
    checkpoints: [],
    forwardOnly: null,
    waiting: [],
    findings: [],
    decisions: [],
    error: null,
    startedAt: BEGAN,
    finishedAt: null,
    ...changes,
  };
}

export function makeHost(name: string, changes: Partial<HostProgress> = {}): HostProgress {
  return {
    name: parseHostId(name),
    state: 'pending',
    from: '1.0.0',
    to: null,
    wave: null,
    step: null,
    startedAt: null,
    finishedAt: null,
    ...changes,
  };
}

export function makeStanding(name: string, changes: Partial<ServiceStanding> = {}): ServiceStanding {
  const image = `registry.lab:5000/${name}@sha256:${'b'.repeat(64)}`;
  return { name: parseServiceId(name), image, state: 'pending', members: null, ...changes };
}

export const makeMigration = (name: string, changes: Partial<MigrationRecord> = {}): MigrationRecord => ({
  ...{ name, hop: '2.0.0', state: 'applied', host: parseHostId('host-1'), exitCode: 0, output: '' },
  ...changes,
});

export function makeWaiting(changes: Partial<Waiting> = {}): Waiting {
  return { what: 'the operator', host: null, since: BEGAN, until: null, movedOnBy: 'refit resume lab-7', ...changes };
}

export function makeDecision(changes: Partial<Decision> = {}): Decision {
  return { at: BEGAN, rule: 'operator', decision: 'pause', because: 'lunch', by: 'ada@desk', ...changes };
}

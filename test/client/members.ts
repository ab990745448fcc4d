import type { ContainerProgress } from '../../model/container-upgrade.ts';
import { parseDigest, parseFleetId, parseHostId, parseServiceId, parseUpgradeId } from '../../model/ids.ts';
import type { MemberProgress, ServiceProgress } from '../../model/service.ts';
import { BEGAN } from './progress.ts';

const DIGEST = parseDigest(`sha256:${'c'.repeat(64)}`);

export function makeContainer(changes: Partial<ContainerProgress> = {}): ContainerProgress {
  return {
    id: parseUpgradeId('host-1-db-1'),
    fleet: parseFleetId('lab'),
    host: parseHostId('host-1'),
    container: 'db',
    state: 'running',
    member: 'Active',
    stage: null,
    from: { image: 'registry.lab:5000/db:1', imageId: DIGEST },
    to: null,
    containerId: null,
    awayMs: null,
    keptUntil: null,
    notes: [],
    waiting: [],
    error: null,
    startedAt: BEGAN,
    finishedAt: null,
    ...changes,
  };
}

/** Where `makeContainer` goes to. */
export const newImage = { image: `registry.lab:5000/db@${DIGEST}`, digest: DIGEST };

export function makeService(changes: Partial<ServiceProgress> = {}): ServiceProgress {
  return {
    id: parseUpgradeId('web-1'),
    fleet: parseFleetId('lab'),
    service: parseServiceId('web'),
    image: 'registry.lab:5000/web:2',
    digest: DIGEST,
    state: 'running',
    phase: null,
    members: [makeMember('host-1', 'web-1'), makeMember('host-2', 'web-1')],
    waiting: [],
    findings: [],
    decisions: [],
    error: null,
    startedAt: BEGAN,
    finishedAt: null,
    ...changes,
  };
}

export function makeMember(host: string, container: string, changes: Partial<MemberProgress> = {}): MemberProgress {
  return {
    ...{ host: parseHostId(host), container, state: 'Active', stage: null },
    ...{ from: 'registry.lab:5000/web:1', to: null, awayMs: null },
    ...changes,
  };
}

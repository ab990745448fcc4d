import { acceptedWork, foldRecord } from '../../agent/core/fold.ts';
import { emptyState, type AgentState, type Work } from '../../agent/core/state.ts';
import type { JournalBody } from '../../agent/core/records.ts';
import type { Order } from '../../model/bus.ts';
import { parseDigest, parseServiceId, parseStepId, parseUpgradeId } from '../../model/ids.ts';
import type { HostRelease, ReleaseRef, Step } from '../../model/release.ts';

const health = { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 };
const run = (id: string): Step => ({
  id: parseStepId(id),
  type: 'run',
  check: ['true'],
  command: ['true'],
  undo: null,
  probe: null,
  timeoutMs: 1_000,
});
export const rebootStep: Step = { id: parseStepId('boot'), type: 'reboot', timeoutMs: 1_000 };
export const hostRelease = (steps: readonly Step[] = [run('a'), run('b')]): HostRelease => ({
  deadlineMs: 60_000,
  diskFreeBytes: 0,
  steps,
  health,
});

export const releaseOf = (version: string): ReleaseRef => ({
  name: 'sample',
  version,
  repository: 'registry/sample',
  digest: parseDigest(`sha256:${version.charCodeAt(0).toString(16).padStart(64, '0')}`),
  contents: parseDigest(`sha256:${'c'.repeat(64)}`),
});

export const orderOf = (order: Partial<Order> = {}): Order => ({
  v: 1,
  upgrade: parseUpgradeId('up-1'),
  hop: 0,
  epoch: 5,
  sequence: 1,
  action: 'install',
  release: releaseOf('2'),
  step: null,
  service: null,
  edited: null,
  start: 'now',
  deadlineMs: 60_000,
  ...order,
});

/** The members of service dns, upgraded by release 2. */
export const serviceOrderOf = (containers: readonly string[], order: Partial<Order> = {}): Order =>
  orderOf({ action: 'service', service: { name: parseServiceId('dns'), containers }, ...order });

/** A work with these records after its acceptance at time 1000. */
export function workOf(records: readonly JournalBody[], order: Order = orderOf(), host = hostRelease()): Work {
  const accepted = acceptedWork(`${order.epoch}-${order.sequence}`, 1_000, {
    type: 'accepted',
    order,
    host,
    digest: '',
    already: false,
    before: null,
    budgetMs: 60_000,
    begun: order.start === 'now',
    bootId: 'boot-1',
  });
  return records.reduce((work, record) => foldRecord(work, 1_001, record), accepted);
}

export const stateOf = (...works: readonly Work[]): AgentState => ({ ...emptyState, works });

export const started = (index: number, attempt = 1): JournalBody => ({
  type: 'stepStarted',
  index,
  attempt,
  bootId: 'boot-1',
  before: { was: index },
});
export const ended = (index: number): JournalBody => ({ type: 'stepFinished', index });
export const done: JournalBody = { type: 'finished', phase: 'done', error: null, measured: {} };
export const reverted: JournalBody = { type: 'finished', phase: 'reverted', error: null, measured: {} };
export const stuck: JournalBody = { type: 'finished', phase: 'stuck', error: null, measured: {} };
export const reverting: JournalBody = { type: 'reverting', error: null };

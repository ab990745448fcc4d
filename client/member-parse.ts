import type { ContainerProgress, ContainerUpgradeState } from '../model/container-upgrade.ts';
import type { ServiceProgress, ServiceUpgradeInput } from '../model/service.ts';
import { upgradeTransitions } from '../model/upgrade.ts';

const containerStates: readonly ContainerUpgradeState[] = [
  'running',
  'succeeded',
  'alreadyThere',
  'failed',
  'rolledBack',
];

/** Written by this project's own workflows, so that their shape tells enough; null: it is something else. */
export const toContainerProgress = (value: unknown): ContainerProgress | null => (isContainer(value) ? value : null);
export const toServiceProgress = (value: unknown): ServiceProgress | null => (isService(value) ? value : null);
export const toServiceInput = (value: unknown): ServiceUpgradeInput | null => (isServiceInput(value) ? value : null);

function isContainer(value: unknown): value is ContainerProgress {
  if (!isRecord(value)) return false;
  const { id, container, state, notes, waiting } = value;
  const isState = containerStates.some((known) => known === state);
  return typeof id === 'string' && typeof container === 'string' && isState && areLists(notes, waiting);
}

function isService(value: unknown): value is ServiceProgress {
  if (!isRecord(value)) return false;
  const { id, service, state, members, waiting, findings, decisions } = value;
  const isState = typeof state === 'string' && Object.hasOwn(upgradeTransitions, state);
  const isNamed = typeof id === 'string' && typeof service === 'string';
  return isNamed && isState && areLists(members, waiting, findings, decisions);
}

function isServiceInput(value: unknown): value is ServiceUpgradeInput {
  if (!isRecord(value)) return false;
  const { action, takeBack, service, policy, reference } = value;
  const isNamed = [action, takeBack, reference].every((text) => typeof text === 'string');
  return isNamed && isRecord(service) && isRecord(policy);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const areLists = (...values: readonly unknown[]): boolean => values.every((value) => Array.isArray(value));

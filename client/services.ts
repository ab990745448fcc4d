import type { FleetId, ServiceId, UpgradeId } from '../model/ids.ts';
import type { ContainerSettings } from '../model/replacement.ts';
import type { ServicePolicy, ServiceProgress } from '../model/service.ts';
import { serviceProgress, serviceWorkflowId } from '../workflows/messages.ts';
import { commandRun, type Command, type CommandOutcome } from './command-upgrade.ts';
import { latestFoundRun, type FoundRun } from './find-upgrade.ts';
import { parseMemberBeats, withServiceBeats } from './member-beats.ts';
import { toServiceProgress } from './member-parse.ts';
import type { RunId } from './run-end.ts';
import { isRunOver, lookAtRun, type RunKind, type RunLook } from './run-look.ts';
import type { SharedTemporal } from './shared-temporal.ts';
import { startService, type ResolvedService, type ServiceStart } from './start-service.ts';
import { takeServiceBack, type TakeBackOutcome } from './take-service-back.ts';
import { watch, type Watcher } from './watch.ts';

export type { ServiceStart } from './start-service.ts';
export type { TakeBackOutcome } from './take-service-back.ts';

export type ServiceLook = RunLook<ServiceProgress>;

export type ServiceRequest = {
  readonly service: ServiceId;
  /** As the operator gave it. */
  readonly image: string;
  readonly settings: ContainerSettings;
  readonly policy: ServicePolicy;
  /** agent mode: the release that the hosts have, which names the image. */
  readonly release: string | null;
  /** Absent: the service's name and the time. */
  readonly id?: UpgradeId;
  readonly requestedBy: string;
};

/** Commands that a service's upgrade knows. */
export type ServiceCommand = Extract<Command, { readonly name: 'pause' | 'resume' | 'rollback' | 'abort' }>;

/** How people and programs upgrade services of one fleet. Throws Unreachable when Temporal or a worker doesn't answer. */
export interface Services {
  /** Starts an upgrade, unless the service has one at work. */
  start(request: ServiceRequest): Promise<ServiceStart>;
  /** Takes the service's last upgrade back, which is over. `id`: the way back's own; absent: the service's name and the time. */
  takeBack(service: ServiceId, requestedBy: string, id?: UpgradeId): Promise<TakeBackOutcome>;
  /** The service's latest run; null: it had none. */
  latest(service: ServiceId): Promise<FoundRun | null>;
  /** Where a run is; null: Temporal knows of none. */
  look(run: RunId): Promise<ServiceLook | null>;
  /** Asks the running upgrade for something; its own rules may refuse. */
  command(service: ServiceId, command: ServiceCommand): Promise<CommandOutcome>;
  watch(run: RunId, watcher: Watcher<ServiceLook>, signal: AbortSignal): Promise<ServiceLook | null>;
}

const kind: RunKind<ServiceProgress> = {
  query: serviceProgress,
  parse: toServiceProgress,
  withBeats: (progress, beats) => withServiceBeats(progress, parseMemberBeats(beats)),
};

/** Services whose image and release somebody has read already. */
export type ServiceRuns = Omit<Services, 'start'> & {
  readonly start: (request: ResolvedService) => Promise<ServiceStart>;
};

/** Straight by the fleet's Temporal. */
export function servicesOf(fleet: FleetId, { use }: SharedTemporal): ServiceRuns {
  const look = async (run: RunId): Promise<ServiceLook | null> => lookAtRun(await use(), fleet, { run, kind });
  const latest = async (service: ServiceId): Promise<FoundRun | null> =>
    latestFoundRun(await use(), serviceWorkflowId(fleet, service));
  return {
    start: async (request) => startService(await use(), fleet, request),
    takeBack: async (service, requestedBy, id) =>
      takeServiceBack(await use(), fleet, { service, requestedBy, id, latest: await latest(service) }),
    latest,
    look,
    command: async (service, command) => {
      const target = { workflowId: serviceWorkflowId(fleet, service), look: `refit service status ${service}` };
      return commandRun(await use(), { ...target, fleet, upgrade: null }, command);
    },
    watch: (run, watcher, signal) => watch({ look: () => look(run), isOver: isRunOver }, watcher, signal),
  };
}

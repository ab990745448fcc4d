import type { Fleet } from '../model/fleet.ts';
import type { ServiceId } from '../model/ids.ts';
import type { ServiceProgress } from '../model/service.ts';
import { serviceProgress, serviceWorkflowId } from '../workflows/messages.ts';
import { commandRun, type Command, type CommandOutcome } from './command-upgrade.ts';
import { connectTemporal } from './connection.ts';
import { latestFoundRun, type FoundRun } from './find-upgrade.ts';
import { parseMemberBeats, withServiceBeats } from './member-beats.ts';
import { toServiceProgress } from './member-parse.ts';
import type { RunId } from './run-end.ts';
import { isRunOver, lookAtRun, type RunKind, type RunLook } from './run-look.ts';
import { startService, type ServiceRequest, type ServiceStart } from './start-service.ts';
import { takeServiceBack, type TakeBackOutcome } from './take-service-back.ts';
import { watch, type Watcher } from './watch.ts';

export type { ServiceRequest, ServiceStart } from './start-service.ts';
export type { TakeBackOutcome } from './take-service-back.ts';

export type ServiceLook = RunLook<ServiceProgress>;

/** Commands that a service's upgrade knows. */
export type ServiceCommand = Extract<Command, { readonly name: 'pause' | 'resume' | 'rollback' | 'abort' }>;

/** How people and programs upgrade services of one fleet. Throws Unreachable when Temporal or a worker doesn't answer. */
export interface Services {
  /** Starts an upgrade, unless the service has one at work. */
  start(request: ServiceRequest): Promise<ServiceStart>;
  /** Takes the service's last upgrade back, which is over. */
  takeBack(service: ServiceId, requestedBy: string): Promise<TakeBackOutcome>;
  /** The service's latest run; null: it had none. */
  latest(service: ServiceId): Promise<FoundRun | null>;
  /** Where a run is; null: Temporal knows of none. */
  look(run: RunId): Promise<ServiceLook | null>;
  /** Asks the running upgrade for something; its own rules may refuse. */
  command(service: ServiceId, command: ServiceCommand): Promise<CommandOutcome>;
  watch(run: RunId, watcher: Watcher<ServiceLook>, signal: AbortSignal): Promise<ServiceLook | null>;
  close(): Promise<void>;
}

const kind: RunKind<ServiceProgress> = {
  query: serviceProgress,
  parse: toServiceProgress,
  withBeats: (progress, beats) => withServiceBeats(progress, parseMemberBeats(beats)),
};

/** Connects to the fleet's Temporal. */
export async function openServices({ fleet }: { readonly fleet: Fleet }): Promise<Services> {
  const temporal = await connectTemporal(fleet);
  const name = fleet.fleet;
  const look = (run: RunId): Promise<ServiceLook | null> => lookAtRun(temporal, name, { run, kind });
  const latest = (service: ServiceId): Promise<FoundRun | null> =>
    latestFoundRun(temporal, serviceWorkflowId(name, service));
  return {
    start: (request) => startService(temporal, name, request),
    takeBack: async (service, requestedBy) =>
      takeServiceBack(temporal, name, { service, requestedBy, latest: await latest(service) }),
    latest,
    look,
    command: (service, command) => {
      const target = { workflowId: serviceWorkflowId(name, service), look: `refit service status ${service}` };
      return commandRun(temporal, { ...target, fleet: name, upgrade: null }, command);
    },
    watch: (run, watcher, signal) => watch({ look: () => look(run), isOver: isRunOver }, watcher, signal),
    close: () => temporal.connection.close(),
  };
}

import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { ContainerProgress } from '../model/container-upgrade.ts';
import type { MemberId, ServiceProgress } from '../model/service.ts';
import type { UnitProgress } from '../model/unit-upgrade.ts';
import type {
  ApproveCommand,
  HostCommand,
  HostProgress,
  OperatorCommand,
  Progress,
  RollbackCommand,
  Waiting,
} from '../model/upgrade.ts';

/** The wire contract between upgradeFleet and its clients: the same commands as updates and, by the same names, as signals. */
export const commandNames = ['pause', 'resume', 'rollback', 'abort', 'approve', 'retryHost', 'skipHost'] as const;
export type CommandName = (typeof commandNames)[number];

/** An accepted command answers with what happens next, for people. */
export type CommandAnswer = { readonly message: string };

export const pause = defineUpdate<CommandAnswer, [OperatorCommand]>('pause');
export const resume = defineUpdate<CommandAnswer, [OperatorCommand]>('resume');
export const rollback = defineUpdate<CommandAnswer, [RollbackCommand]>('rollback');
export const abort = defineUpdate<CommandAnswer, [OperatorCommand]>('abort');
export const approve = defineUpdate<CommandAnswer, [ApproveCommand]>('approve');
export const retryHost = defineUpdate<CommandAnswer, [HostCommand]>('retryHost');
export const skipHost = defineUpdate<CommandAnswer, [HostCommand]>('skipHost');

/** From an upgrade to its wave's child: start no further host. */
export const stopWave = defineSignal<[StopOrder]>('stopWave');
export type StopOrder = { readonly reason: StopReason };
export type StopReason = 'pause' | 'rollback' | 'abort';

/** The whole upgrade; hosts of the wave at work are as of the wave's start, ask its child for the latest. */
export const progress = defineQuery<Progress & { readonly waveWorkflowId: string | null }>('progress');
/** Of a wave's child: its own hosts, and what it waits for. */
export const waveProgress = defineQuery<WaveProgress>('waveProgress');
export type WaveProgress = { readonly hosts: readonly HostProgress[]; readonly waiting: readonly Waiting[] };

/** Of upgradeService: the same commands as an upgrade's, without those about single hosts. */
export const serviceProgress = defineQuery<ServiceProgress>('serviceProgress');
/** From a service's upgrade to the release's that started it: what it asks its operator; null: nothing any more. */
export const serviceAsks = defineSignal<[ServiceQuestion]>('serviceAsks');
export type ServiceQuestion = { readonly what: string | null };
/** Of upgradeContainer. */
export const containerProgress = defineQuery<ContainerProgress>('containerProgress');

/** Of upgradeUnit: the same commands, `approve` for the cutover, and one of its own: the standby slot goes now. */
export const unitProgress = defineQuery<UnitProgress>('unitProgress');
export const deleteStandby = defineUpdate<CommandAnswer, [OperatorCommand]>('deleteStandby');

/** One upgrade of a service, and of a container, at a time is Temporal's guarantee. */
export const serviceWorkflowId = (fleet: string, service: string): string => `service/${fleet}/${service}`;
export const containerWorkflowId = (fleet: string, { host, container }: MemberId): string =>
  `container/${fleet}/${host}/${container}`;
export const unitWorkflowId = (fleet: string, unit: string): string => `unit/${fleet}/${unit}`;
export const upgradeUnitType = 'upgradeUnit';
export const upgradeServiceType = 'upgradeService';
export const upgradeContainerType = 'upgradeContainer';

export const fleetWorkflowId = (fleet: string): string => `fleet/${fleet}`;
export const upgradeFleetType = 'upgradeFleet';
export const TASK_QUEUE_PREFIX = 'refit';
/** One queue a fleet, so that two fleets' workers never take each other's work. */
export const taskQueue = (fleet: string): string => `${TASK_QUEUE_PREFIX}/${fleet}`;

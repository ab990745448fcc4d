import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { FleetId, HostId, UpgradeId } from '../model/ids.ts';
import type { EditedAnswer } from '../model/upgrade.ts';
import * as messages from '../workflows/messages.ts';
import { askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { Unreachable } from './unreachable.ts';

/** What an operator asks of a running upgrade. */
export type Command = Speaker &
  (
    | { readonly name: 'pause' | 'resume' | 'abort' }
    /** `to`: a checkpoint; absent: as far back as it goes. */
    | { readonly name: 'rollback'; readonly to?: string }
    | { readonly name: 'approve'; readonly step: string }
    /** `edited`: what becomes of files on it that an administrator edited and that ask. */
    | { readonly name: 'retryHost'; readonly host: HostId; readonly edited?: EditedAnswer }
    | { readonly name: 'skipHost'; readonly host: HostId }
  );

/** Who asks, and why. `updateId`: the same for each try of one command, so that Temporal takes it once. */
type Speaker = { readonly by: string; readonly reason?: string; readonly updateId?: string };

/** The one that only a unit's upgrade knows. */
export type StandbyCommand = Speaker & { readonly name: 'deleteStandby' };

/** refused: it makes no sense now; nothing has changed, and `because` says why. */
export type CommandOutcome =
  | { readonly outcome: 'accepted'; readonly message: string }
  | { readonly outcome: 'refused'; readonly because: string };

/** A running workflow that takes commands; `upgrade` null: whichever run it has. `look`: the command that shows it. */
export type CommandTarget = {
  readonly fleet: FleetId;
  readonly workflowId: string;
  readonly upgrade: UpgradeId | null;
  readonly look: string;
};

export const commandUpgrade = (
  temporal: TemporalConnection,
  { fleet, upgrade }: { readonly fleet: FleetId; readonly upgrade: UpgradeId },
  command: Command,
): Promise<CommandOutcome> =>
  commandRun(
    temporal,
    { fleet, upgrade, workflowId: messages.fleetWorkflowId(fleet), look: `refit upgrades show ${upgrade}` },
    command,
  );

export async function commandRun(
  temporal: TemporalConnection,
  target: CommandTarget,
  command: Command | StandbyCommand,
): Promise<CommandOutcome> {
  try {
    const answer = await askWorker(temporal, target, () => send(temporal, target, command));
    return { outcome: 'accepted', message: answer.message };
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) return { outcome: 'refused', because: refusal(error) };
    if (error instanceof WorkflowNotFoundError) return { outcome: 'refused', because: 'it is over' };
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw unanswered(target, error);
    throw error;
  }
}

function send(
  temporal: TemporalConnection,
  { workflowId, upgrade }: CommandTarget,
  command: Command | StandbyCommand,
): Promise<messages.CommandAnswer> {
  const handle = temporal.client.workflow.getHandle(workflowId);
  const { name: _, updateId, ...argument } = command;
  const common = { ...(upgrade !== null && { upgrade }), ...argument };
  const once = updateId === undefined ? {} : { updateId };
  switch (command.name) {
    case 'approve':
      return handle.executeUpdate(messages.approve, { ...once, args: [{ ...common, step: command.step }] });
    case 'retryHost':
    case 'skipHost':
      return handle.executeUpdate(messages[command.name], { ...once, args: [{ ...common, host: command.host }] });
    case 'rollback':
      return handle.executeUpdate(messages.rollback, { ...once, args: [common] });
    default:
      return handle.executeUpdate(messages[command.name], { ...once, args: [common] });
  }
}

function refusal(error: WorkflowUpdateFailedError): string {
  return error.cause instanceof ApplicationFailure ? error.cause.message : (error.cause?.message ?? error.message);
}

/** Whether the command arrived can't be told: the server holds on to it for a while after the caller has gone. */
function unanswered({ fleet, look }: CommandTarget, cause: Error): Unreachable {
  return new Unreachable(
    `no worker answers for fleet ${fleet}; start one with: refit worker; whether the command arrived says: ${look}`,
    { cause },
  );
}

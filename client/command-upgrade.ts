import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { FleetId, HostId, UpgradeId } from '../model/ids.ts';
import * as messages from '../workflows/messages.ts';
import { askWorker } from './bounded.ts';
import type { TemporalConnection } from './connection.ts';
import { Unreachable } from './unreachable.ts';

/** What an operator asks of a running upgrade. */
export type Command =
  | { readonly name: 'pause' | 'resume' | 'rollback' | 'abort'; readonly reason?: string; readonly by: string }
  | { readonly name: 'approve'; readonly step: string; readonly reason?: string; readonly by: string }
  | { readonly name: 'retryHost' | 'skipHost'; readonly host: HostId; readonly reason?: string; readonly by: string };

/** The one that only a unit's upgrade knows. */
export type StandbyCommand = { readonly name: 'deleteStandby'; readonly reason?: string; readonly by: string };

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
  const { name: _, ...argument } = command;
  const common = { ...(upgrade !== null && { upgrade }), ...argument };
  switch (command.name) {
    case 'approve':
      return handle.executeUpdate(messages.approve, { args: [{ ...common, step: command.step }] });
    case 'retryHost':
    case 'skipHost':
      return handle.executeUpdate(messages[command.name], { args: [{ ...common, host: command.host }] });
    default:
      return handle.executeUpdate(messages[command.name], { args: [common] });
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

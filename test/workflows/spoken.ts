import { WorkflowUpdateFailedError, type WorkflowHandleWithStartDetails } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { HostId } from '../../model/ids.ts';
import type { OperatorCommand } from '../../model/upgrade.ts';
import type { CommandAnswer } from '../../workflows/messages.ts';

/** A workflow that an operator speaks to. */
export class Spoken {
  readonly handle: WorkflowHandleWithStartDetails;

  constructor(handle: WorkflowHandleWithStartDetails) {
    this.handle = handle;
  }

  /** Accepted: what happens next. Refused: why. */
  async command(
    name: string,
    argument: OperatorCommand & { readonly host?: HostId; readonly step?: string; readonly to?: string } = {},
  ): Promise<string> {
    try {
      const answer = await this.handle.executeUpdate<CommandAnswer, [unknown]>(name, { args: [argument] });
      return answer.message;
    } catch (error) {
      if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
        return error.cause.message;
      }
      throw error;
    }
  }

  async signal(name: string, ...args: readonly unknown[]): Promise<void> {
    await this.handle.signal(name, ...args);
  }
}

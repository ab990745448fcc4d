import type { ServiceId } from '../../model/ids.ts';
import type { ServiceProgress } from '../../model/service.ts';
import type { RunId } from '../run-end.ts';
import type { Services } from '../services.ts';
import { beginRule } from './follow.ts';
import { followRun } from './follow-run.ts';
import { serviceDocument } from './member-documents.ts';
import type { Output } from './output.ts';
import { serviceChanges, serviceLines } from './service-lines.ts';
import { serviceNeedsOperator, serviceVerdict, type AskedOfService } from './service-verdict.ts';

export type FollowedService = {
  readonly service: ServiceId;
  readonly run: RunId;
  readonly asked: AskedOfService;
  /** Whether the command ends when only an operator can move the upgrade on. */
  readonly stopsForOperator: boolean;
};

/** Shows a service's upgrade until it is over, waits for an operator, or the person detaches. */
export async function followService(
  services: Services,
  { service, run, asked, stopsForOperator }: FollowedService,
  output: Output,
): Promise<void> {
  const hasBegun = beginRule(asked === 'rollback' ? 'rollback' : 'upgrade');
  await followRun<ServiceProgress>(
    {
      watch: (watcher, signal) => services.watch(run, watcher, signal),
      wording: { lines: serviceLines, changes: serviceChanges },
      isOurStop: (progress) => hasBegun(progress.state) && stopsForOperator && serviceNeedsOperator(progress),
      verdict: (look) => serviceVerdict(look, asked),
      document: serviceDocument,
      watchCommand: `refit service watch ${service}`,
    },
    output,
  );
}

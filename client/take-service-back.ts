import { upgradeOfHop, type FleetId, type ServiceId, type UpgradeId } from '../model/ids.ts';
import type { ServiceUpgradeInput } from '../model/service.ts';
import { fleetWorkflowId } from '../workflows/messages.ts';
import type { TemporalConnection } from './connection.ts';
import { latestRun, type FoundRun, type FoundUpgrade } from './find-upgrade.ts';
import { toServiceInput } from './member-parse.ts';
import { runName } from './run-name.ts';
import { startServiceRun, type ServiceStart } from './start-service.ts';
import { startedInput } from './started-input.ts';

export type TakeBackOutcome = ServiceStart | { readonly outcome: 'nothing'; readonly because: string };

type TakeBack = {
  readonly service: ServiceId;
  readonly requestedBy: string;
  readonly id: UpgradeId | undefined;
  readonly latest: FoundRun | null;
};

/** Starts the way back of the service's last upgrade, with what that one was started with. */
export async function takeServiceBack(
  temporal: TemporalConnection,
  fleet: FleetId,
  { service, requestedBy, id, latest }: TakeBack,
): Promise<TakeBackOutcome> {
  if (latest === null) return nothing(`service ${service} had no upgrade yet`);
  const before = await startedInput(temporal, latest.run, toServiceInput);
  if (before === null) return nothing(`what the last upgrade of service ${service} did is not known any more`);
  const refusal = refuse(before, latest, await latestRun(temporal, fleetWorkflowId(fleet)));
  if (refusal !== null) return nothing(refusal);
  return startServiceRun(temporal, {
    ...before,
    action: 'putBack',
    upgrade: id ?? runName(service, Date.now()),
    requestedBy,
    // The release's run has ended, and its epoch with it.
    release: before.release === null ? null : { ...before.release, fence: null },
  });
}

/** Why there is no way back; null: there may be one, which the members' hosts know. */
function refuse(
  { action, takeBack, service: { name } }: ServiceUpgradeInput,
  latest: FoundUpgrade,
  ofFleet: FoundUpgrade | null,
): string | null {
  const upgrade = upgradeOfHop(takeBack);
  if (ofFleet?.isRunning === true && ofFleet.id === upgrade) {
    return `service ${name} belongs to upgrade ${upgrade}, which is at work; take both back with: refit rollback ${upgrade}`;
  }
  if (action === 'discardKept')
    return `upgrade ${takeBack} of service ${name} is final: what it kept for a way back is gone`;
  if (action === 'upgrade' && latest.state === 'rolledBack')
    return `upgrade ${takeBack} of service ${name} was rolled back: its members are as before`;
  if (action === 'putBack' && !hasFailed(latest))
    return `upgrade ${takeBack} of service ${name} was taken back already`;
  return null;
}

const hasFailed = ({ state }: FoundUpgrade): boolean => state === 'failed' || state === 'aborted';

const nothing = (because: string): TakeBackOutcome => ({ outcome: 'nothing', because });

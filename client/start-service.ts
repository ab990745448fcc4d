import type { Digest, FleetId, UpgradeId } from '../model/ids.ts';
import type { Service, ServiceInRelease, ServiceUpgradeInput } from '../model/service.ts';
import { serviceWorkflowId, upgradeServiceType } from '../workflows/messages.ts';
import type { TemporalConnection } from './connection.ts';
import type { RunId } from './run-end.ts';
import { runName } from './run-name.ts';
import type { ServiceRequest } from './services.ts';
import { startRun, type RunRequest } from './start-run.ts';

/** What was asked for, once fleet file and registry have said what it means. */
export type ResolvedService = Omit<ServiceRequest, 'service' | 'release'> & {
  readonly service: Service;
  /** What the image means now, by digest: every member gets the same. */
  readonly reference: string;
  readonly digest: Digest;
  readonly release: ServiceInRelease | null;
};

/** running: the service has an upgrade at work, and one at a time is the rule. */
export type ServiceStart =
  | { readonly outcome: 'started'; readonly id: UpgradeId; readonly run: RunId }
  | { readonly outcome: 'running'; readonly id: string; readonly release: string };

export const startService = (
  temporal: TemporalConnection,
  fleet: FleetId,
  { id, ...request }: ResolvedService,
): Promise<ServiceStart> => {
  const upgrade = id ?? runName(request.service.name, Date.now());
  return startServiceRun(temporal, { ...request, action: 'upgrade', takeBack: upgrade, upgrade, fleet });
};

export async function startServiceRun(temporal: TemporalConnection, input: ServiceUpgradeInput): Promise<ServiceStart> {
  const run = toRun(input);
  const started = await startRun(temporal, run);
  if (started.outcome === 'running') {
    const { winner } = started;
    return { outcome: 'running', id: winner?.id ?? 'unknown', release: winner?.release ?? 'unknown' };
  }
  return { outcome: 'started', id: input.upgrade, run: { workflowId: run.workflowId, runId: started.runId } };
}

function toRun(input: ServiceUpgradeInput): RunRequest {
  const { action, takeBack, upgrade, fleet, service, image, reference, requestedBy } = input;
  const release = action === 'upgrade' ? image : `before ${takeBack}`;
  return {
    ...{ workflowId: serviceWorkflowId(fleet, service.name), type: upgradeServiceType, fleet, upgrade, release },
    ...{ requestedBy, input },
    summary: `${upgrade}: service ${service.name} to ${release}`,
    details: `Service **${service.name}** of fleet ${fleet} to **${release}** (\`${upgrade}\`, image \`${reference}\`), asked for by ${requestedBy}.`,
  };
}

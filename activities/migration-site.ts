import { cancellationSignal } from '@temporalio/activity';
import type { HostId } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { pullAuthorized } from './authorized-pull.ts';
import { wrongInput } from './failure.ts';
import { labelsOf, type JobSite, type MigrationPorts } from './migration-job.ts';
import { lockedHost } from './migration-lock.ts';
import { findHosts, placeOn, type MigrationPlace } from './migration-place.ts';
import { engineOf, ownFleet } from './own-fleet.ts';

/** `attempt` null: nothing of it is kept. */
type Asked = Pick<JobSite, 'input' | 'name' | 'basis' | 'beat'> & { readonly attempt: string | null };

/** `isBegun`: an attempt before this one made its container, and its answer was lost. */
export type OpenedSite = JobSite & { readonly isBegun: boolean };

/** Where it runs: where it was begun, else beside the first member; its image is there. */
export async function openSite(ports: MigrationPorts, { attempt, ...asked }: Asked): Promise<OpenedSite> {
  const signal = cancellationSignal();
  const { fleet, upgrade } = asked.input;
  const wanted = { fleet, upgrade, beside: asked.basis.beside };
  const hosts = await findHosts(ports, wanted, signal);
  const begunOn = attempt === null ? null : await findBegun(ports, { ...asked, attempt, hosts }, signal);
  const host = begunOn ?? hosts[0];
  if (host === undefined) throw wrongInput(`there is no host to run ${asked.name} on`);
  const place = placeOn(ports, wanted, host);
  asked.beat.detail = `image of ${asked.name} on ${host}`;
  await pull(ports, { place, reference: asked.basis.image }, signal);
  return { ...asked, ports, place, signal, isBegun: begunOn !== null };
}

type Sought = Pick<JobSite, 'input' | 'name'> & { readonly attempt: string; readonly hosts: readonly HostId[] };

/** The lock names a host that may have no member any more. One that does not answer may have it: that is waited for. */
async function findBegun(
  ports: MigrationPorts,
  { input, name, attempt, hosts }: Sought,
  signal: AbortSignal,
): Promise<HostId | null> {
  const locked = await lockedHost(ports, { input, name });
  const known = ownFleet(ports, input.fleet).hosts.filter((host) => host.name === locked);
  const labels = labelsOf(input, name, attempt);
  for (const host of new Set([...known.map((one) => one.name), ...hosts])) {
    const engine = engineOf(ports, { fleet: input.fleet, host });
    if ((await engine.listContainers(labels, signal)).length > 0) return host;
  }
  return null;
}

async function pull(
  ports: MigrationPorts,
  { place, reference }: { readonly place: MigrationPlace; readonly reference: string },
  signal: AbortSignal,
): Promise<void> {
  const { engine, host } = place;
  if (await engine.imagePresent(reference, signal)) return;
  const { downloadByteLimit: byteLimit, downloadDeadlineMs: deadlineMs } = defaultPolicy;
  const pulled = await pullAuthorized(ports, engine, { reference, byteLimit, deadlineMs, signal });
  if (pulled.outcome !== 'failed') return;
  const message = `host ${host}: image ${reference}: ${pulled.message}`;
  // Anything else, such as a registry that is away or a full disk, passes.
  if (pulled.kind === 'notFound' || pulled.kind === 'tooLarge') throw wrongInput(message);
  throw new Error(message);
}

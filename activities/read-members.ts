import type { HostId } from '../model/ids.ts';
import { readHostMembers, type HostMembers } from './host-members.ts';
import type { CountMembersInput } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Engines that are asked for their containers at the same time. */
const MAX_PARALLEL = 16;

type Looked = {
  readonly input: Omit<CountMembersInput, 'apart'>;
  readonly hosts: readonly HostId[];
  /** Counts up, for heartbeats. */
  readonly progress: { read: number };
};

/** The service's members on these hosts, in their order, as the hosts' engines show them. */
export async function readMembers(
  ports: Pick<Ports, 'engine' | 'loadFleet'>,
  { input, hosts, progress }: Looked,
  signal: AbortSignal,
): Promise<HostMembers> {
  const { fleet, service, upgrade } = input;
  const read = await inParallel(hosts, MAX_PARALLEL, async (host) => {
    const engine = engineOf(ports, { fleet, host });
    const found = await readHostMembers({ host, engine, service, upgrade, signal });
    progress.read += 1;
    return found;
  });
  return { members: read.flatMap(({ members }) => members), findings: read.flatMap(({ findings }) => findings) };
}

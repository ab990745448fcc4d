import { EngineError, type ContainerSummary, type Engine } from '../model/engine.ts';
import type { HostId, UpgradeId } from '../model/ids.ts';
import { standInOf, workLabels } from '../model/replacement.ts';
import type { Member, Service } from '../model/service.ts';
import type { Finding } from '../model/upgrade.ts';

/** A member as its host shows it; what its load balancer says comes later. */
export type PlainMember = Omit<Member, 'server'>;
export type HostMembers = { readonly members: readonly PlainMember[]; readonly findings: readonly Finding[] };

type Place = {
  readonly host: HostId;
  readonly engine: Engine;
  readonly service: Service;
  readonly upgrade: UpgradeId;
  readonly signal: AbortSignal;
};
/** All containers of one member: the one in place, and those that a replacement has set aside or made ready. */
type Group = {
  readonly container: string;
  readonly place: ContainerSummary | null;
  readonly aside: ContainerSummary | null;
  readonly fresh: ContainerSummary | null;
};

/** The service's members on one host, by name. A member that can't be seen can't be upgraded: that is a finding. */
export async function readHostMembers(place: Place): Promise<HostMembers> {
  const { host, engine, service, signal } = place;
  try {
    const groups = group(await engine.listContainers(service.selector, signal));
    const read = await Promise.all(groups.map(async (one) => readMember(place, one)));
    return { members: read.flatMap(({ members }) => members), findings: read.flatMap(({ findings }) => findings) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    const what = `its members of ${service.name} can't be seen: ${error.message}`;
    const remedy = 'make its Docker Engine answer, or take the host out of the fleet file';
    return { members: [], findings: [{ host, severity: 'error', what, remedy }] };
  }
}

function group(containers: readonly ContainerSummary[]): readonly Group[] {
  const at = (container: string, as: 'new' | 'old' | null): ContainerSummary | null =>
    containers.find(({ name }) =>
      as === null ? name === container : standInOf(name)?.container === container && standInOf(name)?.as === as,
    ) ?? null;
  const names = new Set(containers.map(({ name }) => standInOf(name)?.container ?? name));
  return [...names].sort().map((container) => ({
    ...{ container, place: at(container, null), aside: at(container, 'old'), fresh: at(container, 'new') },
  }));
}

async function readMember(place: Place, { container, aside, fresh, ...group }: Group): Promise<HostMembers> {
  const { host, engine, upgrade, signal } = place;
  // Between two renames nobody has the name.
  const found = group.place ?? aside;
  const author = (fresh ?? group.place)?.labels[workLabels.upgrade] ?? null;
  const isHalfWay = aside !== null || fresh !== null;
  const findings = isHalfWay && author !== upgrade ? [unfinished({ host, container, author })] : [];
  if (found === null) return { members: [], findings };
  const { running, image, imageId } = found;
  const { id } = aside ?? found;
  const members = [{ host, container, id, running, image, imageId }];
  const isPaused = !running && (await engine.inspectContainer(found.id, signal))?.status === 'paused';
  return { members, findings: isPaused ? [...findings, paused(host, container)] : findings };
}

/** No error: the same upgrade again goes on where that one ended, and any other is refused by the member itself. */
function unfinished(found: {
  readonly host: HostId;
  readonly container: string;
  readonly author: string | null;
}): Finding {
  const { host, container, author } = found;
  return {
    ...{ host, severity: 'warning' },
    what: `${container}: an upgrade of it${author === null ? '' : ` (${author})`} ended half-way`,
    remedy: `repeat that upgrade, or go back: refit container rollback ${host} ${container}`,
  };
}

const paused = (host: HostId, container: string): Finding => ({
  ...{ host, severity: 'error' },
  what: `${container} is paused: it could not be stopped and brought back as it is`,
  remedy: `on the host: docker unpause ${container}`,
});

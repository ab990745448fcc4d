import type { HostId } from './ids.ts';
import type { UnitRelease } from './unit.ts';
import type { Finding } from './upgrade.ts';

/** What was read before anything of a unit is created. */
export type UnitReading = {
  readonly unit: Pick<UnitRelease, 'name'>;
  /** Share of errors is to be watched, and the balancer counts requests. */
  readonly counts: { readonly isAsked: boolean; readonly isCounted: boolean };
  /** In words. */
  readonly short: readonly string[];
  readonly hosts: readonly UnitHostReading[];
  readonly missingImages: readonly { readonly image: string; readonly problem: string }[];
  readonly files: readonly { readonly name: string; readonly problem: string }[];
  /** Of the balancer, its configuration and its servers; in words. */
  readonly balancerProblems: readonly string[];
  /** Containers of the slot that would be made. */
  readonly leftOver: readonly { readonly host: HostId; readonly container: string }[];
  /** Shared services whose image is another one than the release's. */
  readonly otherImages: readonly {
    readonly host: HostId;
    readonly container: string;
    readonly has: string;
    readonly wants: string;
  }[];
};

export type UnitHostReading = {
  readonly host: HostId;
  /** Why its engine, or what was run on it, can't be asked; null: it answered. */
  readonly problem: string | null;
  /** A member of it is to be reached from outside, and nobody knows where. */
  readonly lacksAddress: boolean;
  readonly portsInUse: readonly number[];
  /** Names that the unit's containers would have, and somebody else's have. */
  readonly namesTaken: readonly string[];
};

/** Everything that speaks against the unit's upgrade, at once. Pure. */
export function judgeUnit(reading: UnitReading): readonly Finding[] {
  const { unit } = reading;
  const all = (what: string, remedy: string): Finding => ({ host: null, severity: 'error', what, remedy });
  return [
    ...reading.short.map((what) => all(what, 'label more hosts in the fleet file, or place the service elsewhere')),
    ...reading.missingImages.map(({ image, problem }) =>
      all(`image ${image}: ${problem}`, 'publish it, or mend the release'),
    ),
    ...reading.files.map(({ name, problem }) =>
      all(
        `file ${name}: ${problem}`,
        `name it under units, ${unit.name}, files in the fleet file, as a path on the worker's disk`,
      ),
    ),
    ...reading.balancerProblems.map((what) => all(what, 'mend the load balancer, or the unit in the fleet file')),
    ...(reading.counts.isAsked && !reading.counts.isCounted
      ? [all(NO_COUNT, 'start it with: --max-error-rate none')]
      : []),
    ...reading.hosts.flatMap(judgeHost),
    ...reading.otherImages.map(({ host, container, has, wants }) => ({
      ...all(
        `${container} runs ${has}, the release names ${wants}`,
        `bring it there by itself: refit container upgrade ${host} ${container} ${wants}`,
      ),
      host,
    })),
    ...leftOver(reading),
  ];
}

const NO_COUNT = 'the load balancer counts no requests, so a share of errors can not be watched';

function judgeHost({ host, problem, lacksAddress, portsInUse, namesTaken }: UnitHostReading): readonly Finding[] {
  const error = (what: string, remedy: string): Finding => ({ host, severity: 'error', what, remedy });
  if (problem !== null) return [error(problem, 'bring it back, or place the unit elsewhere')];
  return [
    ...(lacksAddress
      ? [error('it has no address at which others reach it', `give it one: address of host ${host} in the fleet file`)]
      : []),
    ...portsInUse.map((port) =>
      error(
        `port ${port} is in use`,
        'free it, restart the engine if nobody listens there, or give the service another port in the release',
      ),
    ),
    ...namesTaken.map((name) => error(`a container ${name} is there, and is not of this unit`, 'remove or rename it')),
  ];
}

/** What an earlier upgrade left for inspection, or could not remove. */
function leftOver({ unit, leftOver: found }: UnitReading): readonly Finding[] {
  const [first] = found;
  if (first === undefined) return [];
  const more = found.length > 1 ? ` and ${found.length - 1} more` : '';
  const what = `the standby slot still has containers: ${first.container} on ${first.host}${more}`;
  return [
    { host: first.host, severity: 'error', what, remedy: `remove them with: refit unit delete-standby ${unit.name}` },
  ];
}

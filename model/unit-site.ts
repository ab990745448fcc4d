import type { HostId } from './ids.ts';
import type { ContainerHealth } from './replacement.ts';
import { fillTokens, tokenValues, type ReachedMember, type TokenValues } from './unit-tokens.ts';
import {
  publishedPort,
  type Slot,
  type UnitAddOn,
  type UnitContainer,
  type UnitJob,
  type UnitMigration,
  type UnitRelease,
  type UnitService,
} from './unit.ts';
import type { PlannedMember, UnitPlan } from './unit-upgrade.ts';

/** A unit's release on one fleet: all that its containers are made from, but the files' content. */
export type UnitSite = {
  readonly unit: UnitRelease;
  readonly version: string;
  readonly plan: Pick<UnitPlan, 'to' | 'members' | 'present'>;
  /** Where hosts are reached, by name; a host that is not in it has no address. */
  readonly addresses: ReadonlyMap<HostId, string>;
};

export const planned = ({ plan }: Pick<UnitSite, 'plan'>): readonly PlannedMember[] => [
  ...plan.members,
  ...plan.present,
];

/** Hosts of the slot, and of what both slots share, in the plan's order. */
export const plannedHosts = (plan: Pick<UnitPlan, 'members' | 'present'>): readonly HostId[] => [
  ...new Set([...plan.members, ...plan.present].map(({ host }) => host)),
];

export const serviceOfMember = (
  { unit }: Pick<UnitSite, 'unit'>,
  { service }: Pick<PlannedMember, 'service'>,
): UnitService | null => unit.services.find(({ name }) => name === service) ?? null;

export const addOnOfMember = (
  { unit }: Pick<UnitSite, 'unit'>,
  { service }: Pick<PlannedMember, 'service'>,
): UnitAddOn | null => unit.addOns.find(({ name }) => name === service) ?? null;

/** Account data, a test or a migration by its name; null: the unit has none of that name. */
export function jobNamed(
  { accountData, tests, migrations }: UnitRelease,
  name: string,
): UnitJob | UnitMigration | null {
  const jobs = [...(accountData === null ? [] : [accountData]), ...tests, ...migrations];
  return jobs.find((job) => job.name === name) ?? null;
}

/** The member beside which a job runs. */
export const besideOf = (site: Pick<UnitSite, 'plan'>, { beside }: UnitJob): PlannedMember | null =>
  planned(site).find(({ service }) => service === beside) ?? null;

/** Port of its host at which the member is reached; null: none. */
export function portOf({ unit }: Pick<UnitSite, 'unit'>, member: PlannedMember, slot: Slot): number | null {
  const port = serviceOfMember({ unit }, member)?.port ?? null;
  return port === null ? null : publishedPort(port, member.kind === 'shared' ? 'shared' : slot, member.ordinal);
}

/** `host:port` as everybody else reaches it; null: it has no port, or its host no address. */
export function addressOf(site: UnitSite, member: PlannedMember): string | null {
  const port = portOf(site, member, site.plan.to);
  const host = site.addresses.get(member.host);
  return port === null || host === undefined ? null : `${host}:${port}`;
}

/** What the tokens in a container's texts mean, on this host. */
export function tokensOn(site: UnitSite, host: HostId): TokenValues {
  const reached = planned(site).flatMap((member): readonly ReachedMember[] => {
    const port = portOf(site, member, site.plan.to);
    const address = site.addresses.get(member.host);
    return port === null || address === undefined ? [] : [{ service: member.service, host: address, port }];
  });
  return tokenValues({ unit: site.unit.name, slot: site.plan.to, version: site.version, host }, reached);
}

/** A container's texts with their tokens filled. */
export function fillContainer(
  { command, entrypoint, env }: Pick<UnitContainer, 'command' | 'entrypoint' | 'env'>,
  tokens: TokenValues,
): Pick<UnitContainer, 'command' | 'entrypoint' | 'env'> {
  const fill = (text: string): string => fillTokens(text, tokens);
  return {
    command: command.map(fill),
    entrypoint: entrypoint?.map(fill) ?? null,
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)])),
  };
}

/** How a member shows that it is well; add-ons only have to run. */
export function healthOf(site: UnitSite, member: PlannedMember): ContainerHealth {
  const service = serviceOfMember(site, member);
  if (service === null) return ADD_ON_HEALTH;
  const { probe, minHealthyTimeMs, deadlineMs } = service.health;
  const times = { minHealthyTimeMs, deadlineMs };
  const fill = (text: string): string => fillTokens(text, tokensOn(site, member.host));
  const [host = '', port = ''] = addressOf(site, member)?.split(/:(?=\d+$)/) ?? [];
  switch (probe?.type) {
    case undefined:
      return { ...times, probe: null };
    case 'exec':
      return { ...times, probe: { ...probe, command: probe.command.map(fill) } };
    case 'tcp':
      return { ...times, probe: { type: 'tcp', host, port: Number(port) } };
    case 'http': {
      const { path, status, contains } = probe;
      const url = `http://${host}:${port}${fill(path)}`;
      return { ...times, probe: { type: 'http', url, status, contains: contains === null ? null : fill(contains) } };
    }
  }
}

/** Long enough to see that it does not end at once; ms. */
const ADD_ON_HEALTH: ContainerHealth = { minHealthyTimeMs: 1_000, deadlineMs: 60_000, probe: null };

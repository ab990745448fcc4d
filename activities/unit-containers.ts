import { createHash } from 'node:crypto';
import type { ContainerSpec } from '../model/engine.ts';
import type { HostId, UpgradeId } from '../model/ids.ts';
import type { ReleaseRef } from '../model/release.ts';
import { workLabels } from '../model/replacement.ts';
import {
  addOnOfMember,
  addressOf,
  fillContainer,
  serviceOfMember,
  tokensOn,
  type UnitSite,
} from '../model/unit-site.ts';
import { fillTokens } from '../model/unit-tokens.ts';
import { publishedPort, unitLabels, type SlotOrShared, type UnitContainer, type UnitFile } from '../model/unit.ts';
import type { PlannedMember } from '../model/unit-upgrade.ts';
import { wrongInput } from './failure.ts';

type Origin = { readonly upgrade: UpgradeId; readonly release: ReleaseRef };

export const slotOf = ({ plan }: Pick<UnitSite, 'plan'>, { kind }: Pick<PlannedMember, 'kind'>): SlotOrShared =>
  kind === 'shared' ? 'shared' : plan.to;

/**
 * A member as its engine is asked for it. It joins its slot's network later, so that it is created in the engine's own; it
 * carries a digest of all that makes it, by which an attempt that comes later finds it, and notices another one.
 */
export function memberSpec(site: UnitSite, member: PlannedMember, origin: Origin): ContainerSpec {
  const service = serviceOfMember(site, member);
  const container = containerOf(site, member);
  const tokens = tokensOn(site, member.host);
  const slot = slotOf(site, member);
  const { command, entrypoint, env } = fillContainer(container, tokens);
  const spec = {
    name: member.container,
    image: container.image,
    command,
    ...(entrypoint !== null && { entrypoint }),
    ...(service?.memoryBytes != null && { memoryBytes: service.memoryBytes }),
    env,
    ports: portsOf(site, member),
    volumes: (service ?? addOnOfMember(site, member))?.volumes.map((text) => fillTokens(text, tokens)) ?? [],
    network: 'default',
    restart: 'unless-stopped',
  } as const;
  const address = addressOf(site, member);
  const labels = {
    ...labelsOf(site, slot, origin),
    [unitLabels.service]: member.service,
    ...(address !== null && { [unitLabels.address]: address }),
  };
  return { ...spec, labels: { ...labels, [unitLabels.config]: digestOf([spec, container.files]) } };
}

/** Labels of everything that a slot is made of. */
export const labelsOf = (
  { unit, version }: Pick<UnitSite, 'unit' | 'version'>,
  slot: SlotOrShared,
  { upgrade, release }: Origin,
): Readonly<Record<string, string>> => ({
  [unitLabels.unit]: unit.name,
  [unitLabels.slot]: slot,
  [unitLabels.version]: version,
  [unitLabels.release]: release.digest,
  [workLabels.upgrade]: upgrade,
});

export const filesOf = (site: UnitSite, member: PlannedMember): readonly UnitFile[] => containerOf(site, member).files;

export function containerOf(site: UnitSite, member: PlannedMember): UnitContainer {
  const found = serviceOfMember(site, member) ?? addOnOfMember(site, member);
  if (found !== null) return found;
  throw wrongInput(`unit ${site.unit.name} of ${site.version} has no service ${member.service}`);
}

/** Images that members on the host need. */
export const imagesOn = (site: UnitSite, host: HostId): readonly string[] => [
  ...new Set(
    site.plan.members.filter((member) => member.host === host).map((member) => containerOf(site, member).image),
  ),
];

function portsOf(site: UnitSite, member: PlannedMember): readonly string[] {
  const port = serviceOfMember(site, member)?.port ?? null;
  return port === null ? [] : [`${publishedPort(port, slotOf(site, member), member.ordinal)}:${port.inside}/tcp`];
}

const digestOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

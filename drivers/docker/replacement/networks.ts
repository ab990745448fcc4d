import { filled, isEmpty, isShared, type EndpointSettings } from './draft.ts';
import type { ContainerInspect, InspectedEndpoint } from './inspected.ts';

/** Digits of its id that an engine adds to a container's aliases, and makes its hostname when none is given. */
const SHORT_ID_DIGITS = 12;

export const shortId = (id: string): string => id.slice(0, SHORT_ID_DIGITS);

/** What a person set for each network that the container is on; addresses that the engine chose are not among it. */
export function userNetworks({ Id, NetworkSettings }: ContainerInspect): Readonly<Record<string, EndpointSettings>> {
  const names = Object.keys(NetworkSettings.Networks).sort();
  return Object.fromEntries(names.map((name) => [name, endpointOf(NetworkSettings.Networks[name], Id)]));
}

function endpointOf(endpoint: InspectedEndpoint | undefined, id: string): EndpointSettings {
  if (endpoint === undefined) return {};
  const { Links, DriverOpts, GwPriority } = endpoint;
  const IPAMConfig = filled(endpoint.IPAMConfig ?? {});
  const Aliases = endpoint.Aliases.filter((alias) => alias !== shortId(id));
  return {
    ...(isEmpty(IPAMConfig) ? {} : { IPAMConfig }),
    ...(isEmpty(Links) ? {} : { Links }),
    ...(isEmpty(Aliases) ? {} : { Aliases }),
    ...(isEmpty(DriverOpts) ? {} : { DriverOpts }),
    ...(isEmpty(GwPriority) ? {} : { GwPriority }),
  };
}

/** A network's name for a NetworkMode that gives its id: a body must speak of it in one way. */
export function networkMode({ HostConfig, NetworkSettings }: ContainerInspect): string {
  const mode = HostConfig.NetworkMode;
  const networks = Object.entries(NetworkSettings.Networks);
  if (mode in NetworkSettings.Networks || !ID.test(mode)) return mode;
  const found = networks.find(([, { NetworkID }]) => NetworkID.startsWith(mode));
  // A container that never ran shows no ids of its networks.
  return found?.[0] ?? (networks.length === 1 ? networks[0]?.[0] : undefined) ?? mode;
}

const ID = /^[0-9a-f]{12,64}$/;

/** Empty: the engine's own choice, or another's; an engine refuses to be given those. */
export function userHostname({ Id, Config, HostConfig }: ContainerInspect): string {
  const isForeign = isShared(HostConfig.NetworkMode) || HostConfig.UTSMode === 'host';
  return isForeign || Config.Hostname === shortId(Id) ? '' : Config.Hostname;
}

/** Engines of API 1.44 and later take a MAC address for each network, and show one that was set like one that they made. */
export function macNotes({ Config, NetworkSettings }: ContainerInspect): readonly string[] {
  const known = Config.MacAddress.toLowerCase();
  const unclear = Object.entries(NetworkSettings.Networks).filter(([, { MacAddress, IPAddress }]) => {
    const address = MacAddress.toLowerCase();
    return address !== '' && address !== known && address !== generatedMac(IPAddress);
  });
  return unclear.map(
    ([name, { MacAddress }]) =>
      `MAC address ${MacAddress} on network ${name} is not kept: the engine does not say whether it was set or made up`,
  );
}

/** Bridges make it of the IPv4 address. */
function generatedMac(address: string): string {
  const digits = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return ['02', '42', ...digits].join(':');
}

import type { RestartSetting } from '../../../model/replacement.ts';
import { readInspect, type ContainerInspect, type InspectedEndpoint } from './inspected.ts';

/** What is asked of the engine, in its words: what the image gives is left out. */
export type Draft = {
  readonly config: ContainerInspect['Config'];
  readonly host: ContainerInspect['HostConfig'];
  /** By the network's name. */
  readonly networks: Readonly<Record<string, EndpointSettings>>;
  readonly restart: RestartSetting;
  /** Differences that can't be avoided, for people. */
  readonly notes: readonly string[];
};

/** How a container is connected to a network, in the engine's words: what a person can set of it. */
export type EndpointSettings = Partial<
  Pick<InspectedEndpoint, 'IPAMConfig' | 'Links' | 'Aliases' | 'DriverOpts' | 'GwPriority'>
>;

/** Networks that are no network, or the engine's own: nothing can be set for a container on them. */
const PLAIN_NETWORKS: readonly string[] = ['bridge', 'host', 'none'];

/** A container of which nothing is set yet. */
export function emptyDraft(network: string): Draft {
  const { Config: config, HostConfig: host } = readInspect({ ...NOTHING, HostConfig: { NetworkMode: network } });
  const name = network === 'default' ? 'bridge' : network;
  const networks = isShared(network) ? {} : { [name]: {} };
  return { config, host, networks, restart: { policy: 'no', retries: 0 }, notes: [] };
}

/** It lives in another container's network. */
export const isShared = (network: string): boolean => network.startsWith('container:');

const NOTHING = {
  Id: '',
  Name: '',
  Image: '',
  State: { Running: false, Paused: false },
  Config: {},
  NetworkSettings: {},
} as const;

/** For the engine's creation of a container. Its restart policy is for later. */
export function toBody({ config, host, networks }: Draft, reference: string): Readonly<Record<string, unknown>> {
  const endpoint = PLAIN_NETWORKS.includes(host.NetworkMode) ? undefined : networks[host.NetworkMode];
  return {
    ...withoutEmpty(config, SET_CONFIG),
    Image: reference,
    HostConfig: { ...withoutEmpty(host, SET_HOST), RestartPolicy: { Name: 'no', MaximumRetryCount: 0 } },
    // Engines before API 1.44 take one network at the creation.
    ...(endpoint === undefined ? {} : { NetworkingConfig: { EndpointsConfig: { [host.NetworkMode]: endpoint } } }),
  };
}

/** Fields that are read as empty when the engine said nothing. The rest goes back as it came: an empty MaskedPaths is no null. */
const SET_CONFIG = [
  ...['User', 'Env', 'Cmd', 'WorkingDir', 'Labels', 'Volumes', 'ExposedPorts', 'Healthcheck', 'StopSignal', 'Shell'],
  ...['Hostname', 'Domainname', 'MacAddress'],
] as const;
const SET_HOST = ['NetworkMode', 'Binds', 'Links', 'PortBindings', 'Mounts', 'Tmpfs'] as const;

function withoutEmpty(
  fields: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const isLeftOut = ([name, value]: readonly [string, unknown]): boolean =>
    (names.includes(name) && isEmpty(value)) || (name === 'Entrypoint' && value === null);
  return Object.fromEntries(Object.entries(fields).filter((entry) => !isLeftOut(entry)));
}

/** The engine's ways to say that nothing is set. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

export const filled = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));

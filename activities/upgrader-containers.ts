import { EngineError, type ContainerSpec, type ContainerSummary, type Engine } from '../model/engine.ts';
import type { FleetId, HostId } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { upgraderSpec, upgraderVariables } from '../model/upgrader-container.ts';
import { buildOf, upgraderLabels, type UpgraderRole } from '../model/upgrader.ts';
import { pullAuthorized } from './authorized-pull.ts';
import type { Ports } from './ports.ts';

/** Longest that a container of the upgrader gets to end; s. A worker gives its activities two, and itself fifteen. */
const STOP_S = 20;

/** Where on a host a container of the upgrader is to be. */
export type UpgraderPlace = {
  readonly fleet: FleetId;
  readonly host: HostId;
  readonly engine: Engine;
  readonly signal: AbortSignal;
};

/** Containers of that role of this fleet's upgrader, of any build. */
export const upgraderContainers = async (
  { fleet, engine, signal }: UpgraderPlace,
  role: UpgraderRole,
): Promise<readonly ContainerSummary[]> =>
  engine.listContainers({ [upgraderLabels.role]: role, [upgraderLabels.fleet]: fleet }, signal);

/**
 * The successor's container. What an operator set on the one that runs there goes on: variables, folders, limits, network;
 * only what is its own of a build is the build's.
 */
export async function successorSpec(place: UpgraderPlace, role: UpgraderRole, image: string): Promise<ContainerSpec> {
  const { fleet, host, engine, signal } = place;
  const spec = upgraderSpec(role, { fleet, host, image });
  const others = (await upgraderContainers(place, role)).filter(({ name }) => name !== spec.name);
  const model = others.find(({ running }) => running) ?? others[0];
  const own = model === undefined ? null : await engine.ownSettings(model.id, signal);
  return own === null ? spec : { ...spec, ...own, env: { ...spec.env, ...own.env, ...ofBuild(spec) } };
}

/** An operator's variables win, but for those that tell one build from another. */
const ofBuild = ({ env }: ContainerSpec): ContainerSpec['env'] =>
  Object.fromEntries(
    Object.entries(env).filter(([name]) => name === upgraderVariables.build || name === upgraderVariables.identity),
  );

/** null: the image is there. */
export async function pullSuccessor(
  ports: Pick<Ports, 'registryAuth'>,
  { host, engine, signal }: UpgraderPlace,
  { image, deadlineMs }: { readonly image: string; readonly deadlineMs: number },
): Promise<string | null> {
  const { downloadByteLimit: byteLimit } = defaultPolicy;
  const pulled = await pullAuthorized(ports, engine, { reference: image, byteLimit, deadlineMs, signal });
  return pulled.outcome === 'failed' ? `host ${host}: ${pulled.message}` : null;
}

export async function stopAndRemove({ engine, signal }: UpgraderPlace, container: string): Promise<void> {
  try {
    await engine.stopContainer(container, { timeoutS: STOP_S, signal });
  } catch (error) {
    if (!(error instanceof EngineError) || error.kind !== 'notFound') throw error;
  }
  await engine.removeContainer(container, { force: true, signal });
}

export const buildLabel = ({ labels }: ContainerSummary): string => labels[upgraderLabels.build] ?? '';
export const isOfBuild = (container: ContainerSummary, image: string): boolean =>
  buildLabel(container) === buildOf(image);

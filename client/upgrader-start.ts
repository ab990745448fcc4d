import { createEngine } from '../drivers/docker/engine.ts';
import { registryCredentials } from '../drivers/registry-credentials.ts';
import { EngineError, type ContainerSummary, type Engine } from '../model/engine.ts';
import type { Fleet, FleetHost } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { upgraderSpec } from '../model/upgrader-container.ts';
import { buildOf, upgraderLabels, type UpgraderRole } from '../model/upgrader.ts';
import { WrongInput } from './fleet-client.ts';
import { Unreachable } from './unreachable.ts';

/** How long each container has to run, and to be healthy by its image's own check, and until when; ms. */
const HEALTH = { minHealthyTimeMs: 1_000, deadlineMs: 120_000, probe: null } as const;

export type StartUpgrader = {
  readonly fleet: Fleet;
  /** By digest. */
  readonly image: string;
  readonly roles: readonly UpgraderRole[];
  readonly say: (line: string) => void;
  readonly engineOf?: (host: FleetHost) => Engine;
};

/** problem: what is wrong with the container, which stays there to be looked at; null: it is well. */
export type StartedContainer = {
  readonly host: HostId;
  readonly role: UpgraderRole;
  readonly container: string;
  readonly problem: string | null;
};

type Place = { readonly host: HostId; readonly engine: Engine };

/**
 * Starts the fleet's first upgrader on each host that carries one. What runs already is left alone; a host that has another
 * build is a WrongInput, before anything is started anywhere.
 */
export async function startUpgrader(start: StartUpgrader): Promise<readonly StartedContainer[]> {
  const { fleet } = start;
  const places = placesOf(start);
  if (places.length === 0) throw new WrongInput('hosts', `no host of fleet ${fleet.fleet} carries it: ${CARRY}`);
  const other = await findOtherBuild(start);
  if (other !== null) {
    const todo = "an upgrade brings a new one: name it in a release's field upgrader";
    throw new WrongInput('image', `host ${other.host} has ${other.container}, of another build; ${todo}`);
  }
  const started = await Promise.all(places.map(async (place) => startOn(start, place)));
  return started.flat();
}

const CARRY = 'say so in the fleet file with carries: { upgrader: true }';

/** A container of another build on one of the hosts; null: there is none. */
export async function findOtherBuild(
  start: StartUpgrader,
): Promise<Pick<StartedContainer, 'host' | 'container'> | null> {
  const { fleet, image } = start;
  const found = await Promise.all(
    placesOf(start).map(async ({ host, engine }) => {
      const there = await answered(() => engine.listContainers({ [upgraderLabels.fleet]: fleet.fleet }));
      return there
        .filter((container) => isUpgrader(container) && container.labels[upgraderLabels.build] !== buildOf(image))
        .map(({ name: container }) => ({ host, container }));
    }),
  );
  return found.flat()[0] ?? null;
}

const engineOfHost = ({ engine, name }: FleetHost): Engine => createEngine(engine, name);
const placesOf = ({ fleet, engineOf = engineOfHost }: StartUpgrader): readonly Place[] =>
  fleet.hosts.filter(({ carries }) => carries.upgrader).map((host) => ({ host: host.name, engine: engineOf(host) }));

const isUpgrader = ({ labels }: ContainerSummary): boolean => upgraderLabels.role in labels;

async function startOn(start: StartUpgrader, { host, engine }: Place): Promise<readonly StartedContainer[]> {
  const { fleet, image, roles, say } = start;
  say(`host ${host}: pulling ${image}`);
  await pull(start, { host, engine });
  const started: StartedContainer[] = [];
  for (const role of roles) {
    const spec = upgraderSpec(role, { fleet: fleet.fleet, host, image });
    await answered(async () => engine.createContainer(spec));
    await answered(async () => engine.startContainer(spec.name));
    say(`host ${host}: ${spec.name} starts`);
    const problem = await answered(async () => engine.awaitHealth(spec.name, HEALTH));
    say(`host ${host}: ${spec.name} is ${problem === null ? 'well' : `not well: ${problem}`}`);
    started.push({ host, role, container: spec.name, problem });
  }
  return started;
}

async function pull({ fleet, image }: StartUpgrader, { host, engine }: Place): Promise<void> {
  const registryAuth = await registryCredentials(fleet.registries, image);
  const pulled = await answered(async () =>
    engine.pullImage({
      reference: image,
      byteLimit: defaultPolicy.downloadByteLimit,
      deadlineMs: defaultPolicy.downloadDeadlineMs,
      ...(registryAuth !== null && { registryAuth }),
    }),
  );
  if (pulled.outcome !== 'failed') return;
  const message = `host ${host}: ${pulled.message}`;
  if (pulled.kind === 'unreachable' || pulled.kind === 'deadline') throw new Unreachable(message);
  throw new WrongInput('image', message);
}

async function answered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.kind === 'conflict') throw new WrongInput('image', error.message, { cause: error });
    throw new Unreachable(error.message, { cause: error });
  }
}

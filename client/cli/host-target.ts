import { createEngine } from '../../drivers/docker/engine.ts';
import { loadFleet, nearestFleetFile } from '../../drivers/fleet-file.ts';
import type { EngineAccess, Fleet } from '../../model/fleet.ts';
import { isName } from '../../model/ids.ts';
import { asUnreachable } from '../local-upgrade.ts';
import { openFleet } from './context.ts';
import { exitCodes, fail } from './exit.ts';

export type TargetOptions = { readonly host?: string; readonly engine?: string };

/** The host that a command is about, and how it is reached. */
export type HostTarget = {
  readonly host: string;
  readonly access: EngineAccess;
  readonly registries: Fleet['registries'];
  /** What an agent is told where there is none yet. */
  readonly agentConfig: string;
};

const OWN_ENGINE = 'unix:///var/run/docker.sock';
/** Of a host that no fleet file names: its agent has no bus, and takes the orders of its own folder alone. */
const NO_FLEET = 'local';
const ENGINE = /^(unix:\/\/\/\S+|tcp:\/\/\S+:\d+)$/;
/** Longest until an engine says its host's name; ms. */
const INFO_MS = 5_000;

/** The fleet file's host, or whoever has the engine. */
export async function findTarget({ host, engine }: TargetOptions): Promise<HostTarget> {
  if (host !== undefined && engine !== undefined) {
    fail(exitCodes.wrongInput, '--host and --engine both say which engine; give one of them');
  }
  return host === undefined ? ofEngine(engine ?? OWN_ENGINE) : ofFleet(openFleet(), host);
}

function ofFleet(fleet: Fleet, name: string): HostTarget {
  const found = fleet.hosts.find((host) => host.name === name);
  if (found === undefined) {
    const names = fleet.hosts.map((host) => host.name).join(', ');
    fail(exitCodes.wrongInput, `fleet ${fleet.fleet} has no host ${name}; it has: ${names}`);
  }
  const etcd = { endpoints: fleet.etcd.hostEndpoints, tls: fleet.etcd.hostTls };
  const agentConfig = JSON.stringify({ fleet: fleet.fleet, host: found.name, etcd });
  return { host: found.name, access: found.engine, registries: fleet.registries, agentConfig };
}

async function ofEngine(endpoint: string): Promise<HostTarget> {
  if (!ENGINE.test(endpoint)) {
    const todo = 'one with certificates is named in the fleet file: --host NAME';
    fail(
      exitCodes.wrongInput,
      `expected an engine such as ${OWN_ENGINE} or tcp://host:2375, got "${endpoint}"; ${todo}`,
    );
  }
  const access = { endpoint, tls: null };
  const host = await nameOf(access);
  // A fleet file is not needed here; if there is one, it says how registries are reached.
  const file = nearestFleetFile();
  const registries = file === null ? {} : loadFleet(file).registries;
  return { host, access, registries, agentConfig: JSON.stringify({ fleet: NO_FLEET, host, etcd: null }) };
}

async function nameOf(access: EngineAccess): Promise<string> {
  try {
    const { name } = await createEngine(access).info(AbortSignal.timeout(INFO_MS));
    return isName(name.toLowerCase()) ? name.toLowerCase() : NO_FLEET;
  } catch (error) {
    throw asUnreachable(error);
  }
}

import { join, resolve } from 'node:path';
import { createEngine } from '../../drivers/docker/engine.ts';
import { loadFleet, nearestFleetFile } from '../../drivers/fleet-file.ts';
import { EngineError } from '../../model/engine.ts';
import type { EngineAccess, Fleet, TlsFiles } from '../../model/fleet.ts';
import { isName } from '../../model/ids.ts';
import { Unreachable } from '../unreachable.ts';
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
    const todo = 'or name a host of the fleet file: --host NAME';
    fail(
      exitCodes.wrongInput,
      `expected an engine such as ${OWN_ENGINE} or tcp://host:2376, got "${endpoint}"; ${todo}`,
    );
  }
  const access = { endpoint, tls: endpoint.startsWith('tcp:') ? certificates() : null };
  const host = await nameOf(access);
  // A fleet file is not needed here; if there is one, it says how registries are reached.
  const file = nearestFleetFile();
  const registries = file === null ? {} : loadFleet(file).registries;
  return { host, access, registries, agentConfig: JSON.stringify({ fleet: NO_FLEET, host, etcd: null }) };
}

/** Where Docker's own command line finds them; null: the engine is reached without. */
function certificates(env: NodeJS.ProcessEnv = process.env): TlsFiles | null {
  const folder = env['DOCKER_CERT_PATH'] ?? '';
  if (folder === '') return null;
  const file = (name: string): string => resolve(join(folder, name));
  return { caFile: file('ca.pem'), certFile: file('cert.pem'), keyFile: file('key.pem') };
}

async function nameOf(access: EngineAccess): Promise<string> {
  const { name } = await askEngine(() => createEngine(access).info(AbortSignal.timeout(INFO_MS)));
  return isName(name.toLowerCase()) ? name.toLowerCase() : NO_FLEET;
}

/** Before anything is changed: an engine that does not answer is told from one that says no. */
export async function askEngine<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const message = `${error.message}; nothing was changed`;
    if (error.kind !== 'unreachable' && error.kind !== 'deadline')
      fail(exitCodes.wrongInput, message, { cause: error });
    throw new Unreachable(message, { cause: error });
  }
}

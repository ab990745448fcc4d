import type { ContainerSpec } from './engine.ts';
import type { FleetId, HostId } from './ids.ts';
import {
  buildOf,
  UPGRADER_FOLDER,
  upgraderContainer,
  upgraderLabels,
  type BuildId,
  type UpgraderRole,
} from './upgrader.ts';

/** Where the upgrader's containers find the fleet file. */
export const UPGRADER_FLEET_FILE = `${UPGRADER_FOLDER}/fleet.yaml`;
/** Lines `NAME=value` that they read when they start; it need not be there. No engine shows its values. */
export const UPGRADER_ENV_FILE = `${UPGRADER_FOLDER}/upgrader.env`;

/** The API's audit log outlives its containers: a folder of the host's. */
const AUDIT_FOLDER = '/var/log/refit';

/** What a container of the upgrader is told of itself, in its environment. */
export const upgraderVariables = {
  fleetFile: 'REFIT_FLEET',
  /** The worker is versioned, as this build. */
  build: 'REFIT_BUILD_ID',
  /** By which Temporal lists the worker. */
  identity: 'REFIT_WORKER_IDENTITY',
  envFile: 'REFIT_ENV_FILE',
} as const;

/** As Temporal lists the worker in that container: the same again after each of its restarts. */
export const workerIdentity = (host: HostId, build: BuildId): string => `${host}/${upgraderContainer('worker', build)}`;

/** `image`: by digest. */
export type UpgraderSite = { readonly fleet: FleetId; readonly host: HostId; readonly image: string };

/**
 * One container of the upgrader, the same whoever makes it: the first by hand, its successors by upgrades. It shares the
 * host's network, since it speaks with engines, etcd and Temporal as the host reaches them; in it is no secret.
 */
export function upgraderSpec(role: UpgraderRole, { fleet, host, image }: UpgraderSite): ContainerSpec {
  const build = buildOf(image);
  return {
    name: upgraderContainer(role, build),
    image,
    command: [role],
    env: {
      [upgraderVariables.fleetFile]: UPGRADER_FLEET_FILE,
      [upgraderVariables.envFile]: UPGRADER_ENV_FILE,
      [upgraderVariables.build]: build,
      [upgraderVariables.identity]: workerIdentity(host, build),
      ...(role === 'api' && apiFiles),
    },
    ports: [],
    volumes: [
      `${UPGRADER_FOLDER}:${UPGRADER_FOLDER}:ro`,
      ...(role === 'api' ? [`${AUDIT_FOLDER}:${AUDIT_FOLDER}`] : []),
    ],
    network: 'host',
    restart: 'unless-stopped',
    labels: { [upgraderLabels.role]: role, [upgraderLabels.build]: build, [upgraderLabels.fleet]: fleet },
  };
}

const apiFiles = {
  REFIT_API_TOKENS_FILE: `${UPGRADER_FOLDER}/tokens.json`,
  REFIT_API_AUDIT_FILE: `${AUDIT_FOLDER}/audit.jsonl`,
};

/** The job that lets a build replay what is open and its corpus; `name` is the caller's, who finds it again by it. */
export const replayCommand = ['replay'] as const;

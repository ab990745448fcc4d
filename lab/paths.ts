import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** The label that every container, network and volume of a lab carries; its value is the lab's name. */
export const LAB_LABEL = 'dev.refit.lab';

/** The label that says which folder's lab a container belongs to. */
export const FOLDER_LABEL = 'dev.refit.lab.folder';

/** The lab that the command line means when nothing else is said. */
export const DEFAULT_LAB = 'lab';

/** A folder with this file is a lab's. */
export const STATE_FILE = 'lab.json';

/** Host names, container names and etcd's names are made of it, so it has to be a short DNS label. */
const LAB_NAME = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;

/** Where a lab keeps its things on the machine. */
export type LabPaths = {
  readonly folder: string;
  readonly stateFile: string;
  readonly fleetFile: string;
  readonly tlsFolder: string;
  readonly hostFolder: string;
  readonly temporalDatabase: string;
  readonly temporalLog: string;
  readonly workerLog: string;
};

/** The checkout that this code lies in: the worker is started from there. */
export const checkout = dirname(import.meta.dirname);

/** Returns the name if it is one, else nothing. */
export function parseLabName(text: string): string | undefined {
  return LAB_NAME.test(text) ? text : undefined;
}

/** The default lab writes the command line's default fleet file; any other lab keeps its own beside its state. */
export function labPaths(lab: string, root: string = process.cwd()): LabPaths {
  const refit = resolve(root, '.refit');
  const folder = join(refit, lab);
  return {
    folder,
    stateFile: join(folder, STATE_FILE),
    fleetFile: lab === DEFAULT_LAB ? join(refit, 'fleet.yaml') : join(folder, 'fleet.yaml'),
    tlsFolder: join(folder, 'tls'),
    hostFolder: join(folder, 'hosts'),
    temporalDatabase: join(folder, 'temporal.db'),
    temporalLog: join(folder, 'temporal.log'),
    workerLog: join(folder, 'worker.log'),
  };
}

/** What is slow to make is kept here, outside any checkout. */
export function cacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['REFIT_CACHE'];
  if (own !== undefined && own !== '') return resolve(own);
  const shared = environment['XDG_CACHE_HOME'];
  return join(shared !== undefined && shared !== '' ? shared : join(homedir(), '.cache'), 'refit');
}

export function containerName(lab: string, host: string): string {
  return `refit-${lab}-${host}`;
}

/** A number in [0, below) that stays the same for the same lab, so that labs side by side seldom meet. */
export function spread(lab: string, below: number): number {
  return createHash('sha256').update(lab).digest().readUInt32BE(0) % below;
}

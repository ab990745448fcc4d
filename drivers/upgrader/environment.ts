import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readEnvFile } from '../env-file.ts';

/**
 * Completes the environment of a program in the upgrader's container from the host's files, all of which may be missing: an
 * engine shows what it is told itself to everybody, so that tokens of Temporal and the like are in a file.
 */
export async function completeEnvironment(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const file = env['REFIT_ENV_FILE'] ?? '';
  if (file !== '' && existsSync(file)) Object.assign(env, await readEnvFile(file));
  const { REFIT_FLEET: fleetFile = '', REFIT_API_CONFIG: named = '' } = env;
  const apiConfig = join(dirname(fleetFile), 'api.yaml');
  if (fleetFile !== '' && named === '' && existsSync(apiConfig)) env['REFIT_API_CONFIG'] = apiConfig;
}

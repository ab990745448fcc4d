import { join } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import type { Lab } from '../lab.ts';
import { checkout } from '../paths.ts';
import { say } from './narration.ts';

const program = join(checkout, 'bin/refit.mjs');

/** Longest an upgrade of the demo may take: a release's deadline is 3 min a host, and a lab has few. */
const UPGRADE_TIMEOUT_MS = 20 * 60_000;

const listedSchema = z.object({ upgrades: z.array(z.object({ id: z.string() })) });
const shownSchema = z.object({
  hosts: z.array(z.object({ name: z.string(), startedAt: z.string().nullable(), finishedAt: z.string().nullable() })),
});

/** Runs the command line as an operator would, its live output shown; returns its exit code. */
export async function runRefit(lab: Lab, args: readonly string[]): Promise<number> {
  say(`$ npx refit ${args.join(' ')}`);
  const { exitCode } = await execa(process.execPath, [program, ...args], {
    env: environment(lab),
    stdio: 'inherit',
    reject: false,
    timeout: UPGRADE_TIMEOUT_MS,
  });
  return exitCode ?? 1;
}

/**
 * How long each host took in the fleet's latest upgrade, from its order to its report; ms by the host's name. Hosts that
 * were not touched are left out.
 */
export async function latestTimes(lab: Lab): Promise<ReadonlyMap<string, number>> {
  const { upgrades } = listedSchema.parse(await askRefit(lab, ['upgrades', 'list']));
  const [latest] = upgrades;
  if (latest === undefined) return new Map();
  const { hosts } = shownSchema.parse(await askRefit(lab, ['upgrades', 'show', latest.id]));
  return new Map(
    hosts.flatMap(({ name, startedAt, finishedAt }) =>
      startedAt === null || finishedAt === null
        ? []
        : [[name, Date.parse(finishedAt) - Date.parse(startedAt)] as const],
    ),
  );
}

async function askRefit(lab: Lab, args: readonly string[]): Promise<unknown> {
  const { stdout } = await execa(process.execPath, [program, ...args, '--json'], { env: environment(lab) });
  return JSON.parse(stdout);
}

const environment = (lab: Lab): Record<string, string> => ({
  REFIT_LAB: lab.name,
  REFIT_FLEET: lab.paths.fleetFile,
});

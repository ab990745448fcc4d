import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { loadFleet } from '../drivers/fleet-file.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { Fleet } from '../model/fleet.ts';
import { measureAnsible } from './ansible.ts';
import { measurePutToWatch, watchChain } from './hand-off.ts';
import { measureInPlace } from './in-place.ts';
import { measureKernel } from './kernel.ts';
import { publishNoop } from './noop-release.ts';
import { reportAnsible, reportHandOff, reportInPlace, reportKernel, reportOverhead } from './report.ts';
import { readUpgradeTimes, type UpgradeTimes } from './upgrade-times.ts';

/** A lab of its own: a host is of one platform, and the demo's must stay what it is. */
const LAB = process.env['REFIT_LAB'] ?? 'bench';
const HOSTS = 4;
/** Runs that count; one before them installs, and warms what can be warm. */
const RUNS = 5;
const CHAINS = 8;
/** No run of no-op steps comes near; ms. */
const RUN_TIMEOUT_MS = 5 * 60_000;

const say = (line: string): void => {
  process.stderr.write(`bench: ${line}\n`);
};

/** `npm run bench`: what refit itself adds to an upgrade, with steps that have nothing to do. */
async function main(): Promise<void> {
  // Times of milliseconds mean little on a machine that is busy with something else.
  const [load = 0] = loadavg();
  process.stdout.write(`${availableParallelism()} cores, load ${load.toFixed(1)} before the start\n`);
  const lab = openLab(LAB);
  const wasUp = (await lab.state()) !== undefined;
  const up = await lab.up({ ...(wasUp ? {} : { hosts: HOSTS }), say });
  if (up.kind === 'refused') throw new Error(up.reason);
  try {
    const fleet = loadFleet(lab.paths.fleetFile);
    const upgrade = upgrader(lab, fleet);
    say(`${fleet.hosts.length} hosts; installing what later runs find in place`);
    await upgrade('serial');
    say(`${RUNS} serial runs`);
    const perHostMs = reportOverhead(await times(RUNS, () => upgrade('serial')), fleet.hosts.length);
    say(`${CHAINS} daisy chains, and etcd alone`);
    const chains = await times(CHAINS, async () => {
      const watch = watchChain(fleet);
      await upgrade('daisy-chain');
      return watch.stop();
    });
    reportHandOff(chains, await measurePutToWatch(fleet));
    say('the same by Ansible');
    const hosts = fleet.hosts.map(({ name }) => ({ name, container: lab.container(name) }));
    reportAnsible(await measureAnsible(hosts), perHostMs);
    say('one container to another image, by refit and by others');
    reportInPlace(await measureInPlace(fleet.registries, say));
  } finally {
    if (!wasUp) await lab.down(say);
  }
  reportKernel(await measureKernel(say));
}

/** Each call publishes one more release and brings the fleet to it. */
function upgrader(lab: Lab, fleet: Fleet): (install: 'serial' | 'daisy-chain') => Promise<UpgradeTimes> {
  const program = join(import.meta.dirname, '../bin/refit.mjs');
  // Versions rise from run to run of the bench as well: a lab that is kept must not be asked to go back.
  const major = Math.floor(Date.now() / 1_000);
  let minor = 0;
  return async (install) => {
    minor += 1;
    const folder = join(lab.paths.folder, 'bench');
    const { reference } = await publishNoop({ version: `${major}.${minor}.0`, folder, registries: fleet.registries });
    await execa(process.execPath, [program, 'upgrade', reference, '--install', install, '--detach'], {
      env: { REFIT_FLEET: lab.paths.fleetFile, REFIT_LAB: lab.name },
      timeout: RUN_TIMEOUT_MS,
    });
    return readUpgradeTimes(fleet.temporal?.address ?? '', fleet.fleet);
  };
}

async function times<Result>(count: number, run: () => Promise<Result>): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let index = 0; index < count; index += 1) results.push(await run());
  return results;
}

await main();

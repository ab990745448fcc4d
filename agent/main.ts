import { readAgentConfig } from './config.ts';
import { connectServiceManager } from '../drivers/systemd.ts';
import { runDaemon } from './daemon.ts';
import { download, downloadAgent, type DownloadJob } from './download/download.ts';
import { readJobOrder } from './download/environment.ts';
import { FACTS_FOLDERS } from '../model/bus.ts';
import { driftReader } from './drift.ts';
import { readFacts } from './facts.ts';
import { hostClock } from './host-clock.ts';
import { checkLocal, runLocal, type LocalEnd, type LocalProgram } from './local/program.ts';
import { placesUnder } from './places.ts';
import { findPortsInUse, readPorts } from './ports-in-use.ts';

/** The host's, bound to the same place. */
const DBUS_SOCKET = '/run/dbus/system_bus_socket';

/** Put in by the build; a run from the sources has none. */
declare const REFIT_AGENT_VERSION: string | undefined;
const version = typeof REFIT_AGENT_VERSION === 'string' ? REFIT_AGENT_VERSION : '0.0.0+sources';

/**
 * download, agent (without the release): run to completion in a container of the release · facts, ports: in preflight's · run: the daemon on the host ·
 * local-check, local: in containers for one host by itself
 */
async function main(program: string | undefined): Promise<void> {
  const { env } = process;
  switch (program) {
    case 'version':
      process.stdout.write(`${version}\n`);
      return;
    case 'facts': {
      const packages = (env['REFIT_PACKAGES'] ?? '').split(',').filter((name) => name !== '');
      const places = placesUnder(env['REFIT_HOST_ROOT'] ?? '/');
      const isSeen = (path: string): boolean =>
        places.root === '/' || FACTS_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
      const drift = driftReader(places, isSeen);
      process.stdout.write(`${JSON.stringify(readFacts(places, { agent: null, phase: 'idle', packages, drift }))}\n`);
      return;
    }
    case 'ports':
      await runPorts(env['REFIT_PORTS'] ?? '');
      return;
    case 'run': {
      const places = placesUnder(env['REFIT_ROOT'] ?? '/');
      await runDaemon(readAgentConfig(places.config), places, version);
      return;
    }
    case 'download':
      await runJob(download);
      return;
    case 'agent':
      await runJob(downloadAgent);
      return;
    case 'local-check':
      await runOnHost(checkLocal);
      return;
    case 'local':
      await runOnHost(runLocal);
      return;
    default:
      process.stderr.write(
        `expected one of: agent, download, facts, local, local-check, ports, run, version; got ${program ?? 'nothing'}\n`,
      );
      process.exitCode = 2;
  }
}

/** Its container has the host's network, so that these are the host's ports. */
async function runPorts(text: string): Promise<void> {
  const asked = readPorts(text);
  if (asked.ok) {
    process.stdout.write(`${JSON.stringify({ inUse: await findPortsInUse(asked.ports) })}\n`);
    return;
  }
  process.stderr.write(`REFIT_PORTS: ${asked.problem}\n`);
  process.exitCode = 2;
}

/** Ends with exit code 1 and a last line that says why, for whoever started the job. */
async function runJob(job: (parts: DownloadJob) => Promise<void>): Promise<void> {
  await orSay(() => job({ ...inContainer(), order: readJobOrder(process.env), provenBy: 'bus' }));
}

const exitCodes = { done: 0, failed: 1, refused: 2 } as const satisfies Record<LocalEnd, number>;

async function runOnHost(program: (parts: LocalProgram) => LocalEnd | Promise<LocalEnd>): Promise<void> {
  await orSay(async () => {
    process.exitCode = exitCodes[await program({ ...inContainer(), env: process.env })];
  });
}

/** The release's image around the program, the host's folders beside it. */
const inContainer = (): Omit<LocalProgram, 'env'> => ({
  image: { release: '/release', refit: '/refit' },
  places: placesUnder('/host'),
  version,
  services: () => connectServiceManager(DBUS_SOCKET),
  clock: hostClock,
  say,
});

async function orSay(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    say({ event: 'failed', message: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
  }
}

function say(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});

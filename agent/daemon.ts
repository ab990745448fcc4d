import { createEngineDaemon } from '../drivers/docker/daemon.ts';
import { createEngine } from '../drivers/docker/engine.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { busKeys } from '../model/bus.ts';
import type { Bus } from '../model/ports.ts';
import { parseRelease } from '../drivers/release/release-json.ts';
import { hostBoot } from './boot.ts';
import type { AgentConfig } from './config.ts';
import { runAgent } from './core/agent.ts';
import { openDisk } from './disk.ts';
import { writeDurably } from './durable.ts';
import { freshFacts } from './facts.ts';
import { hostClock } from './host-clock.ts';
import { withLocalOrders } from './local/local-orders.ts';
import { localOrderFile, makeLocalFolder } from './local/order-file.ts';
import { createOwnBus } from './local/own-bus.ts';
import { aliveMark, type Places } from './places.ts';
import type { Log } from './ports.ts';
import { hostProbes } from './probes.ts';
import { createQuorum } from './quorum.ts';
import { openReleases } from './releases.ts';
import { createHostSteps } from './steps/host-steps.ts';
import { busOnTrial } from './trial/on-trial.ts';

/** The host's own engine; only steps with containers need it. */
const OWN_ENGINE = { endpoint: 'unix:///var/run/docker.sock', tls: null } as const;

/** The daemon on a host: the core over the real host. Ends when it is killed, or with a bug. */
export async function runDaemon(config: AgentConfig, places: Places, version: string): Promise<never> {
  const { fleet, host } = config;
  const log: Log = (event, fields) => {
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), msg: event, ...fields })}\n`);
  };
  log('agent started', { fleet, host, version, endpoints: config.etcd?.endpoints ?? [] });
  const hostKeys = busKeys(fleet).host(host);
  const boot = hostBoot(places);
  const running = runAgent(
    { host, fleet, version },
    {
      bus: busOnTrial(openBus(config, places, log), { places, clock: hostClock, version, hostKeys }),
      clock: hostClock,
      disk: openDisk(places),
      releases: openReleases(places, parseRelease),
      steps: createHostSteps(places, createEngine(OWN_ENGINE, host), {
        daemon: createEngineDaemon(OWN_ENGINE, host),
        kernel: () => boot.kernel(),
      }),
      probes: hostProbes,
      quorum: createQuorum(config.etcd),
      boot,
      facts: freshFacts(places, version),
      log,
    },
    new AbortController().signal,
  );
  // Reading the journals fails at once or not at all. Nobody lets go of the old agent before this.
  await Promise.race([running, hostClock.sleep(0)]);
  writeDurably(aliveMark(places), version);
  return running;
}

function openBus({ fleet, host, etcd }: AgentConfig, places: Places, log: Log): Bus {
  makeLocalFolder(places);
  const keys = busKeys(fleet);
  const bus = etcd === null ? createOwnBus() : createEtcdBus({ endpoints: etcd.endpoints, tls: etcd.tls, log });
  const file = localOrderFile(places);
  return withLocalOrders(bus, { file, keys: { host: keys.host(host), order: keys.order(host) }, log });
}

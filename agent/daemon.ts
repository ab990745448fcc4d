import { createEngine } from '../drivers/docker/engine.ts';
import { createEtcdBus } from '../drivers/etcd/bus.ts';
import { parseRelease } from '../drivers/release/release-json.ts';
import { hostBoot } from './boot.ts';
import type { AgentConfig } from './config.ts';
import { runAgent } from './core/agent.ts';
import { openDisk } from './disk.ts';
import { writeDurably } from './durable.ts';
import { freshFacts } from './facts.ts';
import { hostClock } from './host-clock.ts';
import { aliveMark, type Places } from './places.ts';
import type { Log } from './ports.ts';
import { hostProbes } from './probes.ts';
import { openReleases } from './releases.ts';
import { createHostSteps } from './steps/host-steps.ts';

/** The host's own engine; only container steps need it. */
const ENGINE_ENDPOINT = 'unix:///var/run/docker.sock';

/** The daemon on a host: the core over the real host. Ends when it is killed, or with a bug. */
export async function runDaemon(config: AgentConfig, places: Places, version: string): Promise<never> {
  const { fleet, host, etcd } = config;
  const log: Log = (event, fields) => {
    process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), msg: event, ...fields })}\n`);
  };
  log('agent started', { fleet, host, version, endpoints: etcd.endpoints });
  const running = runAgent(
    { host, fleet, version },
    {
      bus: createEtcdBus({ endpoints: etcd.endpoints, tls: etcd.tls, log }),
      clock: hostClock,
      disk: openDisk(places),
      releases: openReleases(places, parseRelease),
      steps: createHostSteps(places, createEngine({ endpoint: ENGINE_ENDPOINT, tls: null }, host)),
      probes: hostProbes,
      boot: hostBoot(places),
      facts: freshFacts(places, version),
      log,
    },
    new AbortController().signal,
  );
  // Reading the journals fails at once or not at all. The Downloader Job waits for this before it lets go of the old agent.
  await Promise.race([running, hostClock.sleep(0)]);
  writeDurably(aliveMark(places), version);
  return running;
}

import type { AgentPhase } from '../model/agent-phase.ts';
import type { Report } from '../model/bus.ts';
import type { EngineInfo } from '../model/engine.ts';
import type { Fleet } from '../model/fleet.ts';
import type { HostId } from '../model/ids.ts';
import { latestWord } from '../model/latest-word.ts';
import { releaseLabel } from '../model/release.ts';
import { readHosts, type HostOnBus } from './bus-view.ts';
import { askEngines } from './host-engines.ts';

export type HostStatus = {
  readonly name: HostId;
  /** The platform's version that the host is on; null: none that refit installed. */
  readonly version: string | null;
  /** `name version`. */
  readonly release: string | null;
  /** Where the host's agent is; `unknown`: there was never one. */
  readonly state: AgentPhase | 'unknown';
  readonly agent: string | null;
  readonly kernel: string | null;
  /** Version of the Docker Engine; null: it doesn't answer. */
  readonly engine: string | null;
  /** Of the host itself, as its last upgrade measured it: its kernel, its engine, and what became of its containers meanwhile. */
  readonly measured: Readonly<Record<string, string>>;
  readonly alive: boolean;
  /** ms since the epoch, by the host's clock. */
  readonly lastReportAt: number | null;
};

/** Of what reports measure, what is the host's own; packages and files are too many for a list of hosts. */
const HOST_MEASURES = [
  ...['kernel', 'engine', 'live-restore'],
  ...['containers:kept', 'containers:restarted', 'containers:gone'],
] as const;

/** Every host of the fleet: what its agent says on the bus, and what its engine says. Throws Unreachable without etcd. */
export async function fleetStatus(fleet: Fleet): Promise<readonly HostStatus[]> {
  const [hosts, engines] = await Promise.all([readHosts(fleet), askEngines(fleet)]);
  return hosts.map((host, index) => hostStatus(host, engineOf(engines[index])));
}

export function hostStatus({ host, report, alive }: HostOnBus, engine: EngineInfo | null): HostStatus {
  const { installed, phase } = latestWord(report, alive) ?? { installed: null, phase: 'unknown' };
  return {
    name: host.name,
    version: installed?.version ?? null,
    release: installed === null ? null : releaseLabel(installed),
    state: phase,
    agent: alive?.agent ?? report?.agent ?? null,
    kernel: alive?.facts.kernel ?? engine?.kernel ?? null,
    engine: engine?.version ?? null,
    measured: hostMeasures(report?.measured ?? {}),
    alive: alive !== null,
    lastReportAt: report?.changedAt ?? null,
  };
}

const hostMeasures = (measured: Report['measured']): HostStatus['measured'] =>
  Object.fromEntries(
    HOST_MEASURES.flatMap((name) => {
      const value = measured[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

const engineOf = (answer: EngineInfo | string | undefined): EngineInfo | null =>
  typeof answer === 'object' ? answer : null;

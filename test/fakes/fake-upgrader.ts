import type { PlannedSelfUpgrade } from '../../activities/activities.ts';
import type { AgentResult, ReplayResult, SuccessorStart } from '../../activities/self-upgrade-activities.ts';
import type { HostId } from '../../model/ids.ts';
import { buildOf, type AgentStanding, type BuildId } from '../../model/upgrader.ts';

/** An upgrader's image that is told by its digits. */
export const imageOfBuild = (build: BuildId): string => `registry.lab:5000/refit@sha256:${build.padEnd(64, '0')}`;
export const OLD_BUILD: BuildId = '111111111111';
export const NEW_BUILD: BuildId = '222222222222';

/** The upgrader's own containers and the agents of a fleet in memory. */
export class FakeUpgrader {
  /** Of the release; null: it brings none. */
  image: string | null = null;
  hosts: readonly HostId[] = [];
  current: BuildId = OLD_BUILD;
  /** Builds of workers that run, by host. */
  readonly workers = new Map<HostId, Set<BuildId>>();
  readonly apis = new Map<HostId, BuildId>();
  /** Runs that are pinned to a build and not over. */
  readonly openRuns = new Map<BuildId, number>();
  /** Of the release; null: it is the one that all have. */
  agent: string | null = null;
  readonly agents = new Map<HostId, string>();
  /** What the next replays answer; then that all is well. */
  readonly replays: ReplayResult[] = [];
  /** Hosts on which a successor's worker, or the API, does not come up. */
  readonly sick = new Set<HostId>();
  readonly sickApis = new Set<HostId>();
  /** How agents end on a host, once each; then they are replaced. */
  readonly agentEnds = new Map<HostId, AgentResult>();
  /** Agents at work at the same time, at most. */
  mostAgents = 0;
  /** Agents of these hosts get nowhere until they are let go. */
  readonly held = new Set<HostId>();
  readonly #all: readonly HostId[];
  readonly #changed: (event: string) => void;
  #atWork = 0;

  constructor(all: readonly HostId[], changed: (event: string) => void) {
    this.#all = all;
    this.#changed = changed;
  }

  /** Worker and API of the old build on the first hosts; the release brings the new one. */
  carry(hosts: number): this {
    this.hosts = this.#all.slice(0, hosts);
    this.image = imageOfBuild(NEW_BUILD);
    for (const host of this.hosts) {
      this.workers.set(host, new Set([OLD_BUILD]));
      this.apis.set(host, OLD_BUILD);
    }
    return this;
  }

  /** Every host has an agent, and the release brings another one. */
  bringAgent(): this {
    this.agent = 'agent-2';
    for (const host of this.#all) this.agents.set(host, 'agent-1');
    return this;
  }

  plan(): { readonly selfUpgrade?: PlannedSelfUpgrade } {
    const { image, hosts, current } = this;
    const builds = [...this.workers.values()].flatMap((found) => [...found]);
    const isSettled = image === null || (current === buildOf(image) && builds.every((build) => build === current));
    const upgrader = isSettled ? null : { image, current, hosts };
    const behind = this.#behind().length;
    const agents = this.agent === null || behind === 0 ? null : { to: this.agent, hosts: behind };
    return upgrader === null && agents === null ? {} : { selfUpgrade: { upgrader, agents } };
  }

  replay(): ReplayResult {
    this.#changed('replay');
    return this.replays.shift() ?? { outcome: 'replayed', runs: 1, corpus: 20 };
  }

  start(host: HostId, image: string): SuccessorStart {
    this.#changed(`start worker ${host}`);
    if (this.sick.has(host)) return { outcome: 'failed', message: `host ${host}: no worker asked for work` };
    this.workers.get(host)?.add(buildOf(image));
    return { outcome: 'started' };
  }

  drop(host: HostId, image: string): void {
    this.#changed(`drop worker ${host}`);
    this.workers.get(host)?.delete(buildOf(image));
  }

  switch(image: string): { readonly before: BuildId } {
    this.#changed('switch');
    const before = this.current;
    this.current = buildOf(image);
    return { before };
  }

  replaceApi(host: HostId, image: string): SuccessorStart {
    this.#changed(`replace api ${host}`);
    if (this.sickApis.delete(host)) return { outcome: 'failed', message: `host ${host}: it is not well` };
    this.apis.set(host, buildOf(image));
    return { outcome: 'started' };
  }

  retire(image: string): { readonly retired: never[]; readonly kept: { build: BuildId; openRuns: number }[] } {
    this.#changed('retire');
    const kept = [...this.openRuns].filter(([, runs]) => runs > 0).map(([build, openRuns]) => ({ build, openRuns }));
    const staying = new Set([buildOf(image), ...kept.map(({ build }) => build)]);
    for (const builds of this.workers.values()) {
      for (const build of builds) if (!staying.has(build)) builds.delete(build);
    }
    return { retired: [], kept };
  }

  standings(
    offset: number,
    limit: number,
  ): { readonly agents: readonly AgentStanding[]; readonly next: number | null } {
    const to = this.agent ?? '';
    const page = this.#all.slice(offset, offset + limit);
    const agents = page.flatMap((host) => {
      const from = this.agents.get(host) ?? null;
      return from === null || from === to ? [] : [{ host, from, to }];
    });
    return { agents, next: offset + limit < this.#all.length ? offset + limit : null };
  }

  begin(host: HostId): void {
    this.#atWork += 1;
    this.mostAgents = Math.max(this.mostAgents, this.#atWork);
    this.#changed(`begin agent ${host}`);
  }

  end(host: HostId, agent: string): AgentResult {
    this.#atWork -= 1;
    const end = this.agentEnds.get(host) ?? { outcome: 'replaced', agent };
    this.agentEnds.delete(host);
    if (end.outcome === 'replaced') this.agents.set(host, agent);
    this.#changed(`end agent ${host} ${end.outcome}`);
    return end;
  }

  letGo(): void {
    this.held.clear();
    this.#changed('let go');
  }

  #behind(): readonly HostId[] {
    return [...this.agents].flatMap(([host, agent]) => (agent === this.agent ? [] : [host]));
  }
}

import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { PreflightResult } from '../activities/activities.ts';
import { assert } from '../model/assert.ts';
import { advanceHost, isFailure, type HostOutcome, type HostState } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { unpackWaves, type PlannedHost, type WaveSummary } from '../model/plan.ts';
import { releaseLabel } from '../model/release.ts';
import {
  advanceUpgrade,
  type Finding,
  type HostProgress,
  type Progress,
  type UpgradeInput,
  type UpgradePhase,
  type UpgradeState,
  type Waiting,
} from '../model/upgrade.ts';
import { upgradePage } from './details.ts';
import { closingProgress } from './closing.ts';
import { Operated, type OperatorWishes } from './operated.ts';
import { searchAttributes } from './search-attributes.ts';
import { Standings } from './standings.ts';
import { Traffic } from './traffic.ts';

export type { Ending } from './operated.ts';

export type Wishes = OperatorWishes & {
  readonly approved: Set<string>;
  readonly retry: Set<HostId>;
  readonly skip: Set<HostId>;
  /** Hosts that failed and are not decided on yet: only these can be retried or skipped. */
  readonly open: Set<HostId>;
};

/** One upgrade's state: changed in `enter`, by host outcomes, and by nobody else. */
export class Run extends Operated {
  readonly input: UpgradeInput;
  readonly wishes: Wishes = {
    pause: false,
    ending: null,
    resume: false,
    approved: new Set(),
    retry: new Set(),
    skip: new Set(),
    open: new Set(),
  };
  phase: UpgradePhase = 'preflight';
  epoch = 0;
  /** Next order's number. */
  sequence = 1;
  waveWorkflowId: string | null = null;
  /** told: the child at work knows that it starts nothing new. */
  wave: 'none' | 'atWork' | 'told' = 'none';
  /** Hosts that got an order to install: they may have been changed, however that ended. */
  readonly ordered = new Set<HostId>();
  /** Waits for the environment so far, by host. */
  readonly environmentTries = new Map<HostId, number>();
  /** Hosts left behind within the budget: they stay spent. */
  readonly skippedByPolicy = new Set<HostId>();
  /** Children so far: each has a workflow id of its own. */
  children = 0;
  findings: readonly Finding[] = [];
  /** Found on the way; nothing stops for them. At most two a service. */
  readonly warnings: Finding[] = [];
  readonly hosts = new Map<HostId, HostProgress>();
  readonly services = new Standings();
  readonly traffic = new Traffic();
  /** What the service's upgrade at work asks; who answers this upgrade answers it. */
  serviceAsks: Waiting | null = null;
  plan: PreflightResult | null = null;
  waves: readonly WaveSummary[] = [];

  constructor(input: UpgradeInput) {
    super();
    this.input = input;
  }

  /** The only place where state and phase change; every change is seen in the Web UI. */
  enter(state: UpgradeState, phase: UpgradePhase = this.phase): void {
    this.state = advanceUpgrade(this.state, state);
    this.phase = phase;
    upsertSearchAttributes([
      { key: searchAttributes.phase, value: phase },
      { key: searchAttributes.state, value: state },
    ]);
    this.show();
  }

  show(): void {
    setCurrentDetails(upgradePage(this.progress()));
  }

  setPlan(plan: PreflightResult): void {
    this.plan = plan;
    this.waves = unpackWaves(plan.waves);
    this.findings = plan.findings;
  }

  planned(): PreflightResult {
    assert(this.plan !== null, 'planned before anything is done to a host');
    return this.plan;
  }

  host(name: HostId): HostProgress {
    const host = this.hosts.get(name);
    assert(host !== undefined, `${name} is in the plan`);
    return host;
  }

  move(name: HostId, state: HostState): void {
    const { error, ...host } = this.host(name);
    // What went wrong is told as long as it is true: a host that is tried again has no error.
    const isKept = error !== undefined && (isFailure(state) || state === 'skipped');
    this.hosts.set(name, { ...host, state: advanceHost(host.state, state), ...(isKept && { error }) });
  }

  record(outcome: HostOutcome): void {
    const working = this.isGoingBack ? 'rollingBack' : 'installing';
    this.ordered.add(outcome.host);
    if (isFailure(outcome.state)) this.wishes.open.add(outcome.host);
    this.move(outcome.host, working);
    const { error: _, ...host } = this.host(outcome.host);
    this.hosts.set(outcome.host, {
      ...host,
      state: advanceHost(working, outcome.state),
      to: outcome.to,
      step: outcome.step,
      ...(outcome.error !== null && { error: outcome.error }),
      startedAt: outcome.startedAt,
      finishedAt: outcome.finishedAt,
    });
  }

  add({ name, from }: PlannedHost, wave: string | null, state: HostState): void {
    const nothing = { to: null, step: null, startedAt: null, finishedAt: null };
    this.hosts.set(name, { name, state, from, wave, ...nothing });
  }

  note(name: HostId, error: string): void {
    this.hosts.set(name, { ...this.host(name), error });
  }

  hostsOf(wave: string, ...states: readonly HostState[]): readonly HostId[] {
    return this.hostsIn(...states).filter((name) => this.host(name).wave === wave);
  }

  hostsIn(...states: readonly HostState[]): readonly HostId[] {
    return [...this.hosts.values()].filter((host) => states.includes(host.state)).map((host) => host.name);
  }

  failures(): readonly HostProgress[] {
    return [...this.hosts.values()].filter((host) => isFailure(host.state));
  }

  /** Takes `count` order numbers; the first of them. */
  takeSequence(count: number): number {
    const first = this.sequence;
    this.sequence += count;
    return first;
  }

  /** What an operator said of a host that failed; the question is closed with it. */
  takeAnswer(host: HostId): 'retry' | 'skip' | null {
    const { open, retry, skip } = this.wishes;
    open.delete(host);
    const isRetried = retry.delete(host);
    if (skip.delete(host)) return 'skip';
    return isRetried ? 'retry' : null;
  }

  /** `retry HOST` → `refit retry lab-7 HOST`. */
  commandLine(command: string): string {
    const [verb = '', ...rest] = command.split(' ');
    return ['refit', verb, this.input.upgrade, ...rest].join(' ');
  }

  isHeeded(): boolean {
    return this.wave !== 'atWork';
  }

  end(state: Extract<UpgradeState, 'succeeded' | 'failed' | 'rolledBack' | 'aborted'>): Progress {
    this.finishedAt = Date.now();
    // A run that failed in preflight touched nothing, and says so by its phase.
    this.enter(state, state === 'failed' ? this.phase : 'end');
    return closingProgress(this.progress());
  }

  progress(): Progress {
    const { upgrade, fleet, digest, reference } = this.input;
    return {
      id: upgrade,
      fleet,
      release: this.plan === null ? reference : releaseLabel(this.plan.release),
      digest,
      state: this.state,
      phase: this.phase,
      hosts: [...this.hosts.values()],
      services: this.services.all(),
      waiting: [...(this.serviceAsks === null ? [] : [this.serviceAsks]), ...this.waiting()],
      findings: [...this.findings, ...this.warnings, ...this.traffic.findings()],
      decisions: this.decisions,
      error: this.error,
      startedAt: this.startedAt,
      finishedAt: this.finishedAt,
    };
  }
}

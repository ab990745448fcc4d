import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { PlannedHop, PreflightResult } from '../activities/activities.ts';
import { assert } from '../model/assert.ts';
import { checkpointsOf, refuseCheckpoint, START, type Checkpoints } from '../model/checkpoints.ts';
import { advanceHost, isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import { releaseLabel } from '../model/release.ts';
import {
  advanceUpgrade,
  type EditedAnswer,
  type CarriedUpgrade,
  type Finding,
  type Progress,
  type UpgradeInput,
  type UpgradePhase,
  type UpgradeState,
  type Waiting,
} from '../model/upgrade.ts';
import type { PlannedUpgrader } from '../model/upgrader.ts';
import { upgradePage } from './details.ts';
import { closingProgress } from './closing.ts';
import { HopRun } from './hop-run.ts';
import { hostsOfPath } from './hosts-of-path.ts';
import { MigrationRecords } from './migration-records.ts';
import { Operated, type OperatorWishes } from './operated.ts';
import { plannedHops } from './planned-hops.ts';
import { searchAttributes } from './search-attributes.ts';
import { Traffic } from './traffic.ts';
import { forwardOnlyOf } from './way-back.ts';

export type { Ending } from './operated.ts';

export type Wishes = OperatorWishes & {
  readonly approved: Set<string>;
  readonly retry: Set<HostId>;
  readonly skip: Set<HostId>;
  /** Hosts that failed and are not decided on yet: only these can be retried or skipped. */
  readonly open: Set<HostId>;
  /** What becomes of files that an administrator edited and that ask, by host. */
  readonly edited: Map<HostId, EditedAnswer>;
};

/** One upgrade's state: changed in `enter`, by host outcomes, and by nobody else. */
export class Run extends Operated {
  readonly input: UpgradeInput;
  readonly wishes: Wishes = {
    ...{ pause: false, ending: null, resume: false },
    ...{ approved: new Set(), retry: new Set(), skip: new Set(), open: new Set(), edited: new Map() },
  };
  phase: UpgradePhase = 'preflight';
  epoch = 0;
  /** Next order's number. */
  sequence = 1;
  waveWorkflowId: string | null = null;
  /** told: the child at work knows that it starts nothing new. */
  wave: 'none' | 'atWork' | 'told' = 'none';
  /** Waits for the environment so far, by host. */
  readonly environmentTries = new Map<HostId, number>();
  /** Hosts left behind within the budget: they stay spent. */
  readonly skippedByPolicy = new Set<HostId>();
  /** Hosts that an operator left on the way back: nothing older is taken back under what they have. */
  readonly leftOnWayBack = new Set<HostId>();
  /** Children so far: each has a workflow id of its own. */
  children = 0;
  findings: readonly Finding[] = [];
  /** Found on the way; nothing stops for them. At most two a service. */
  readonly warnings: Finding[] = [];
  readonly migrations = new MigrationRecords();
  readonly traffic = new Traffic();
  /** What the service's upgrade at work asks; who answers this upgrade answers it. */
  serviceAsks: Waiting | null = null;
  /** What the upgrader itself is brought to; null: it stays as it is. */
  upgrader: PlannedUpgrader | null = null;
  /** Workers of earlier builds that have to stay. */
  workersKept: readonly Finding[] = [];
  /** A migration without a way back that is at work: how it ends decides whether there is one. */
  atPointOfNoReturn: string | null = null;
  plan: PreflightResult | null = null;
  hops: readonly HopRun[] = [];
  /** Which of the hops is at work. */
  at = 0;

  constructor(input: UpgradeInput) {
    super();
    this.input = input;
    if (input.carried !== undefined) this.takeOver(input.carried);
  }

  /** What an earlier run of the same upgrade knew, and was told. */
  private takeOver({ startedAt, decisions, children, approved, ...told }: CarriedUpgrade): void {
    this.startedAt = startedAt;
    this.decisions.push(...decisions);
    this.children = children;
    for (const step of approved) this.wishes.approved.add(step);
    Object.assign(this.wishes, { pause: told.pause, ending: told.ending, to: told.to });
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
    this.hops = plannedHops(plan, this.input.upgrade).map((planned) => new HopRun(planned));
    this.findings = plan.findings;
  }

  planned(): PreflightResult {
    assert(this.plan !== null, 'planned before anything is done to a host');
    return this.plan;
  }

  /** How agents, engines and the bus know the hop at work. */
  hopInput(): Pick<PlannedHop, 'upgrade' | 'release' | 'planDigest'> & Pick<UpgradeInput, 'fleet'> {
    const { upgrade, release, planDigest } = this.hop.planned;
    return { fleet: this.input.fleet, upgrade, release, planDigest };
  }

  /** The hop at work. */
  get hop(): HopRun {
    const hop = this.hops[this.at];
    assert(hop !== undefined, 'planned before anything is done to a host');
    return hop;
  }

  checkpoints(): Checkpoints {
    const begun = this.hops.filter(({ state }) => state !== 'pending' && state !== 'rolledBack').length;
    const backs = this.hops.map((hop, index) => ({
      to: hop.to,
      passed: hop.passed() ?? forwardOnlyOf(this.hops, index),
    }));
    return checkpointsOf(backs, begun);
  }

  override refuseRollback(to: string | null = null): string | null {
    const atWork = this.atPointOfNoReturn;
    if (atWork !== null) return `migration ${atWork}, which has no way back, is at work; how it ends decides`;
    const isBegun = this.hops.some(({ state }) => state !== 'pending');
    return super.refuseRollback() ?? (isBegun || to !== null ? refuseCheckpoint(this.checkpoints(), to) : null);
  }

  override describeRollback(to: string | null): string {
    const { reachable, forwardOnly } = this.checkpoints();
    const name = to ?? reachable[0]?.name ?? null;
    if (name === null || name === START) return 'all of it';
    return `what came after ${name}${forwardOnly === null ? '' : ` (${forwardOnly})`}`;
  }

  /** What a failure leads to: no policy takes back what has no way back. */
  onFailure(): UpgradeInput['policy']['onFailure'] {
    const { onFailure } = this.input.policy;
    return onFailure === 'rollback' && this.refuseRollback() !== null ? 'pause' : onFailure;
  }

  record(outcome: HostOutcome): void {
    const { hop } = this;
    const working = this.isGoingBack ? 'rollingBack' : 'installing';
    hop.ordered.add(outcome.host);
    if (isFailure(outcome.state)) this.wishes.open.add(outcome.host);
    hop.move(outcome.host, working);
    const { error: _, ...host } = hop.host(outcome.host);
    hop.hosts.set(outcome.host, {
      ...host,
      state: advanceHost(working, outcome.state),
      to: outcome.to,
      step: outcome.step,
      ...(outcome.error !== null && { error: outcome.error }),
      startedAt: outcome.startedAt,
      finishedAt: outcome.finishedAt,
    });
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
    const { upgrade, fleet, digest, reference, carried } = this.input;
    const { reachable, forwardOnly } = this.checkpoints();
    return {
      id: upgrade,
      fleet,
      release: this.plan === null ? (carried?.release ?? reference) : releaseLabel(this.plan.release),
      digest,
      state: this.state,
      phase: this.phase,
      hosts: hostsOfPath(this.hops, this.at),
      services: this.hops[this.at]?.services.all() ?? [],
      hops: this.hops.map(({ to, state }) => ({ to, state })),
      migrations: this.migrations.all(),
      checkpoints: reachable.map(({ name }) => name),
      forwardOnly,
      waiting: [...(this.serviceAsks === null ? [] : [this.serviceAsks]), ...this.waiting()],
      findings: [...this.findings, ...this.warnings, ...this.workersKept, ...this.traffic.findings()],
      decisions: this.decisions,
      error: this.error,
      startedAt: this.startedAt,
      finishedAt: this.finishedAt,
    };
  }
}

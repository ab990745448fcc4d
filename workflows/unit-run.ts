import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import { assert } from '../model/assert.ts';
import type { FailureType } from '../model/failures.ts';
import type { HostId } from '../model/ids.ts';
import { releaseLabel, type ReleaseRef } from '../model/release.ts';
import type { SlotTraffic } from '../model/slot-balancer.ts';
import type { Slot } from '../model/unit.ts';
import {
  advanceUnitStep,
  type JobRecord,
  type PlannedMember,
  type UnitMemberProgress,
  type UnitPlan,
  type UnitProgress,
  type UnitStep,
  type UnitStepProgress,
  type UnitStepState,
  type UnitUpgradeInput,
} from '../model/unit-upgrade.ts';
import { advanceUpgrade, type Finding, type UpgradeState } from '../model/upgrade.ts';
import { closingUnit } from './closing.ts';
import { Operated, type OperatorWishes } from './operated.ts';
import { searchAttributes } from './search-attributes.ts';
import { unitPage } from './unit-page.ts';

/** Longest text of one failure; characters. */
const MAX_ERROR_LENGTH = 1_000;

type MemberMark = Pick<UnitMemberProgress, 'state' | 'error'>;
type UnitWishes = OperatorWishes & { readonly approved: Set<string>; deleteStandby: boolean };
type UnitEnd = Extract<UpgradeState, 'succeeded' | 'failed' | 'rolledBack' | 'aborted'>;

/** One upgrade of one unit: states change in `enter` and `mark…`, and nowhere else. */
export class UnitRun extends Operated {
  readonly input: UnitUpgradeInput;
  readonly wishes: UnitWishes = {
    pause: false,
    ending: null,
    resume: false,
    approved: new Set(),
    deleteStandby: false,
  };
  findings: readonly Finding[] = [];
  /** Takes the requests. */
  active: Slot | null = null;
  standby: Slot | null = null;
  keptUntil: number | null = null;
  traffic: SlotTraffic | null = null;
  /** Counts of the balancer at the cutover; null: a soak counts from its first look. */
  baseline: SlotTraffic | null = null;
  /** What ended the way there; null: nothing, or an operator. */
  failure: string | null = null;
  /** The cutover was begun: from then on there is something to return from. */
  hasCutOver = false;
  /** The slot that one could return to is being removed. */
  isDeleting = false;
  /** Migrations that this upgrade applied, in order. */
  readonly applied: string[] = [];
  /** Images that hosts have because of this upgrade. */
  readonly pulled: { readonly host: HostId; readonly image: string }[] = [];
  private planned: UnitPlan | null = null;
  private readonly steps = new Map<UnitStep, UnitStepProgress>();
  private readonly marks = new Map<string, MemberMark>();
  private readonly jobs = new Map<string, JobRecord>();
  private readonly attempts = new Map<string, number>();
  private step: UnitStep | null = null;

  constructor(input: UnitUpgradeInput) {
    super();
    this.input = input;
    upsertSearchAttributes([
      { key: searchAttributes.fleet, value: input.fleet },
      { key: searchAttributes.upgrade, value: input.upgrade },
    ]);
    this.enter('running');
  }

  enter(state: UpgradeState): void {
    this.state = advanceUpgrade(this.state, state);
    upsertSearchAttributes([{ key: searchAttributes.state, value: state }]);
    this.show();
  }

  show(): void {
    setCurrentDetails(unitPage(this.progress()));
  }

  /** `approve cutover` → `refit unit approve shop cutover`. */
  commandLine(command: string): string {
    const [verb = '', ...rest] = command.split(' ');
    return ['refit', 'unit', verb, this.input.unit, ...rest].join(' ');
  }

  /** There is no child that would have to be told. */
  isHeeded(): boolean {
    return true;
  }

  /** Once requests go to the new slot there must be a slot, and data, to return to. */
  override refuseRollback(): string | null {
    const { from = null, expand = [] } = this.planned ?? {};
    if (this.input.action === 'deleteStandby') return 'a slot that is removed does not come back';
    if (this.isGoingBack || !this.hasCutOver) return super.refuseRollback();
    if (from === null) return "it is the unit's first install: there is no slot to return to";
    if (this.isDeleting) return `slot ${from} is being removed, or gone: install the earlier release anew`;
    const oneWay = expand.find(({ name, hasNoWayBack }) => hasNoWayBack && this.applied.includes(name));
    if (oneWay === undefined) return null;
    return `forward only: migration ${oneWay.name} is applied and has no way back, and slot ${from} may not work with what it did`;
  }

  setPlan(plan: UnitPlan): void {
    this.planned = plan;
    this.active = plan.from;
    for (const { container } of plan.members) this.marks.set(container, { state: 'planned' });
    this.show();
  }

  plan(): UnitPlan {
    assert(this.planned !== null, 'a unit is planned before anything is done to it');
    return this.planned;
  }

  hasPlan(): boolean {
    return this.planned !== null;
  }

  release(): ReleaseRef {
    const { release } = this.input;
    assert(release !== null, 'an upgrade of a unit has a release');
    return release;
  }

  /** From the place where it is begun on, it is the step at work. */
  markStep(name: UnitStep, state: UnitStepState, detail: string | null = null): void {
    const before = this.steps.get(name) ?? { name, state: 'pending', detail: null, startedAt: null, finishedAt: null };
    const now = Date.now();
    this.steps.set(name, {
      ...{ name, detail: detail?.slice(0, MAX_ERROR_LENGTH) ?? null },
      state: advanceUnitStep(before.state, state),
      startedAt: state === 'running' ? (before.startedAt ?? now) : before.startedAt,
      finishedAt: state === 'running' ? null : now,
    });
    if (state === 'running') {
      this.step = name;
      upsertSearchAttributes([{ key: searchAttributes.phase, value: name }]);
    }
    this.show();
  }

  markMember(
    { container }: Pick<PlannedMember, 'container'>,
    state: UnitMemberProgress['state'],
    error?: string,
  ): void {
    this.marks.set(container, { state, ...(error !== undefined && { error: error.slice(0, MAX_ERROR_LENGTH) }) });
    this.show();
  }

  markJob(record: JobRecord): void {
    this.jobs.set(record.name, record);
    this.show();
  }

  /** 1 for the first; an operator's `resume` makes it rise. */
  nextAttempt(job: string): number {
    const attempt = (this.attempts.get(job) ?? 0) + 1;
    this.attempts.set(job, attempt);
    return attempt;
  }

  end(state: UnitEnd): UnitProgress {
    this.finishedAt = Date.now();
    this.enter(state);
    return closingUnit(this.progress());
  }

  /** The failure that ends the workflow; its details say how far it came. */
  fail(type: FailureType, message: string): ApplicationFailure {
    this.error = message;
    return ApplicationFailure.create({ type, message, details: [this.end('failed')], nonRetryable: true });
  }

  progress(): UnitProgress {
    const { upgrade: id, fleet, unit, release } = this.input;
    const { state, step, active, standby, traffic, keptUntil, findings, decisions, error, startedAt, finishedAt } =
      this;
    return {
      ...{ id, fleet, unit, state, step, active, standby, traffic, keptUntil },
      release: release === null ? null : releaseLabel(release),
      digest: release?.digest ?? null,
      steps: [...this.steps.values()],
      members: (this.planned?.members ?? []).map((member) => this.memberProgress(member)),
      jobs: [...this.jobs.values()],
      ...{ waiting: this.waiting(), findings, decisions, error, startedAt, finishedAt },
    };
  }

  private memberProgress({ host, container, service, kind }: PlannedMember): UnitMemberProgress {
    const slot = kind === 'shared' ? 'shared' : this.plan().to;
    return { host, container, service, slot, ...(this.marks.get(container) ?? { state: 'planned' }) };
  }
}

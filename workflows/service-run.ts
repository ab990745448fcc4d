import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import { assert } from '../model/assert.ts';
import type { FailureType } from '../model/failures.ts';
import type { HostId } from '../model/ids.ts';
import {
  advanceMember,
  memberName,
  SERVICE_SEQUENCES,
  type Member,
  type MemberProgress,
  type MemberState,
  type ServiceProgress,
  type ServiceUpgradeInput,
  type ServiceUpgradeState,
} from '../model/service.ts';
import { advanceUpgrade, type Finding } from '../model/upgrade.ts';
import { Operated, type OperatorWishes } from './operated.ts';
import { searchAttributes } from './search-attributes.ts';
import { closingService } from './closing.ts';
import { servicePage } from './service-page.ts';
import { tellParent } from './tell-parent.ts';

/** Longest text of one member's failure; characters. */
const MAX_ERROR_LENGTH = 400;
/** Findings that a progress answer carries. */
const MAX_FINDINGS = 20;

/** One member of the service, and what this run did to it. */
export type MemberRun = {
  readonly found: Member;
  state: MemberState;
  stage: string | null;
  error: string | null;
  awayMs: number | null;
  /** It may be other than it was found: it goes back when the service does. Set before the step that changes it. */
  isChanged: boolean;
  /** This run took it out at the load balancer. Set before that. */
  isDrained: boolean;
  /** The container that it goes back to; null: its upgrade keeps none. */
  backId: string | null;
  /** Image of its way back, once it goes that way because nothing was kept. */
  backTo: string | null;
};

/** One upgrade of one service: states change in `enter`, `begin` and `settle`, and nowhere else. */
export class ServiceRun extends Operated {
  readonly input: ServiceUpgradeInput;
  readonly wishes: OperatorWishes = { pause: false, ending: null, resume: false };
  /** Such as `2/3`; null before the first. */
  phase: string | null = null;
  findings: readonly Finding[] = [];
  readonly members = new Map<string, MemberRun>();
  /** Phases that were begun, in order. */
  readonly begun: (readonly MemberRun[])[] = [];
  /** Hosts that have the image because of this run. */
  readonly pulled = new Set<HostId>();
  /** What made the service go back; null: nothing, or an operator. */
  failure: string | null = null;
  private fence: { readonly epoch: number; readonly sequence: number } | null;
  private orders = 0;
  private isShowing = false;

  constructor(input: ServiceUpgradeInput) {
    super();
    this.input = input;
    this.fence = input.release?.fence ?? null;
    upsertSearchAttributes([
      { key: searchAttributes.fleet, value: input.fleet },
      { key: searchAttributes.upgrade, value: input.upgrade },
    ]);
    this.enter('running');
  }

  enter(state: ServiceUpgradeState): void {
    const isAsking = this.state === 'waiting' || state === 'waiting';
    this.state = advanceUpgrade(this.state, state);
    upsertSearchAttributes([
      { key: searchAttributes.phase, value: 'services' },
      { key: searchAttributes.state, value: state },
    ]);
    if (isAsking) tellParent(this);
    this.show();
  }

  /** Once for all that changes in one go: a step of many members would write many pages that nobody sees. */
  show(): void {
    if (this.isShowing) return;
    this.isShowing = true;
    void Promise.resolve().then(() => {
      this.isShowing = false;
      setCurrentDetails(servicePage(this.progress()));
    });
  }

  /** `resume` → `refit service resume web`. */
  commandLine(command: string): string {
    return `refit service ${command} ${this.input.service.name}`;
  }

  /** There is no child that would have to be told. */
  isHeeded(): boolean {
    return true;
  }

  setMembers(members: readonly Member[], findings: readonly Finding[]): void {
    this.findings = findings.slice(0, MAX_FINDINGS);
    for (const found of members) {
      const nothing = { stage: null, error: null, awayMs: null, backId: found.id, backTo: null };
      this.members.set(memberName(found), {
        ...nothing,
        ...{ found, state: 'Active', isChanged: false, isDrained: false },
      });
    }
    this.show();
  }

  member(found: Member): MemberRun {
    const member = this.members.get(memberName(found));
    assert(member !== undefined, `${memberName(found)} is a member`);
    return member;
  }

  all(): readonly MemberRun[] {
    return [...this.members.values()];
  }

  changed(): readonly MemberRun[] {
    return this.all().filter(({ isChanged }) => isChanged);
  }

  begin(members: readonly MemberRun[]): void {
    for (const member of members) {
      member.state = advanceMember(member.state, 'Updating');
      // What failed stays told on the way back.
      if (!this.isGoingBack) member.error = null;
    }
    this.show();
  }

  stage(member: MemberRun, stage: string): void {
    member.stage = stage;
    this.show();
  }

  settle(member: MemberRun, state: Exclude<MemberState, 'Updating'>, error: string | null = member.error): void {
    member.state = advanceMember(member.state, state);
    member.stage = null;
    member.error = error?.slice(0, MAX_ERROR_LENGTH) ?? null;
    this.show();
  }

  /** Orders to agents need it. */
  setEpoch(epoch: number): void {
    this.fence = { epoch, sequence: 1 };
  }

  hasEpoch(): boolean {
    return this.fence !== null;
  }

  /** Epoch and number of the next order. */
  nextOrder(): { readonly epoch: number; readonly sequence: number } {
    assert(this.fence !== null, 'an epoch was claimed before an agent is ordered');
    assert(this.orders < SERVICE_SEQUENCES, `a service gives at most ${SERVICE_SEQUENCES} orders`);
    return { epoch: this.fence.epoch, sequence: this.fence.sequence + this.orders++ };
  }

  end(state: Extract<ServiceUpgradeState, 'succeeded' | 'failed' | 'rolledBack' | 'aborted'>): ServiceProgress {
    this.finishedAt = Date.now();
    this.enter(state);
    return closingService(this.progress());
  }

  /** The failure that ends the workflow; its details say how far it came. */
  fail(type: FailureType, message: string): ApplicationFailure {
    this.error = message;
    return ApplicationFailure.create({ type, message, details: [this.end('failed')], nonRetryable: true });
  }

  progress(): ServiceProgress {
    const { upgrade: id, fleet, service, image, digest } = this.input;
    const { state, phase, findings, decisions, error, startedAt, finishedAt } = this;
    return {
      ...{ id, fleet, service: service.name, image, digest, state, phase },
      members: this.all().map((member) => this.memberProgress(member)),
      ...{ waiting: this.waiting(), findings, decisions, error, startedAt, finishedAt },
    };
  }

  private memberProgress({ found, state, stage, error, awayMs, isChanged }: MemberRun): MemberProgress {
    const { host, container, image: from } = found;
    const to = this.input.action === 'upgrade' && isChanged ? this.input.image : null;
    return { host, container, state, stage, from, to, ...(error !== null && { error }), awayMs };
  }
}

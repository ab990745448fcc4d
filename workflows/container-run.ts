import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { ApplicationFailure } from '@temporalio/common';
import type { ContainerReading, ResolvedMemberImage } from '../activities/member-activities.ts';
import type { ContainerProgress, ContainerUpgradeInput, ContainerUpgradeState } from '../model/container-upgrade.ts';
import { failureTypes, type FailureType } from '../model/failures.ts';
import type { ReplacementOutcome } from '../model/replacement.ts';
import { advanceMember, type MemberState } from '../model/service.ts';
import { containerPage } from './service-page.ts';
import { searchAttributes } from './search-attributes.ts';
import { Waits } from './waits.ts';

/** Longest text of a failure that is kept; characters. */
const MAX_ERROR_LENGTH = 2_000;

/** State of one container's upgrade. */
export class ContainerRun {
  readonly input: ContainerUpgradeInput;
  readonly waits = new Waits(() => this.show());
  private state: ContainerUpgradeState = 'running';
  private member: MemberState = 'Active';
  private stage: string | null = null;
  private from: ContainerProgress['from'] = null;
  private to: ContainerProgress['to'] = null;
  private containerId: string | null = null;
  private awayMs: number | null = null;
  private keptUntil: number | null = null;
  private readonly notes: string[] = [];
  private error: string | null = null;
  private readonly startedAt = Date.now();
  private finishedAt: number | null = null;

  constructor(input: ContainerUpgradeInput) {
    this.input = input;
    upsertSearchAttributes([
      { key: searchAttributes.fleet, value: input.fleet },
      { key: searchAttributes.upgrade, value: input.upgrade },
    ]);
    this.enter('running');
  }

  /** `container on host`, for people. */
  name(): string {
    return `${this.input.container} on ${this.input.host}`;
  }

  isOver(): boolean {
    return this.state !== 'running';
  }

  /** What is done to the container next. */
  begin(stage: string, member: MemberState = this.member): void {
    this.stage = stage;
    this.member = advanceMember(this.member, member);
    this.show();
  }

  /** The container as it was found. */
  found({ image, imageId }: ContainerReading): void {
    this.from = { image, imageId };
  }

  resolved({ reference, digest }: ResolvedMemberImage): void {
    this.to = { image: reference, digest };
  }

  replaced({ id, awayMs, notes }: Extract<ReplacementOutcome, { readonly outcome: 'replaced' }>): void {
    this.containerId = id;
    this.awayMs = awayMs;
    this.notes.push(...notes);
  }

  place(id: string): void {
    this.containerId = id;
  }

  keep(until: number): void {
    this.keptUntil = until;
  }

  note(text: string): void {
    this.notes.push(text);
  }

  end(state: Exclude<ContainerUpgradeState, 'running'>, error: string | null = null): ContainerProgress {
    this.finishedAt = Date.now();
    this.stage = null;
    this.error = error?.slice(0, MAX_ERROR_LENGTH) ?? null;
    if (this.member === 'Updating') this.member = advanceMember(this.member, memberEnds[state]);
    this.enter(state);
    return this.progress();
  }

  /** The failure that ends the workflow; its details say how far it came. Wrong input: nothing was changed. */
  fail(type: FailureType, message: string): ApplicationFailure {
    if (type === failureTypes.wrongInput) this.member = 'Active';
    return ApplicationFailure.create({ type, message, details: [this.end('failed', message)], nonRetryable: true });
  }

  progress(): ContainerProgress {
    const { upgrade: id, fleet, host, container } = this.input;
    const { state, member, stage, from, to, containerId, awayMs, keptUntil, notes, error } = this;
    const { startedAt, finishedAt } = this;
    const waiting = this.waits.list();
    return {
      ...{ id, fleet, host, container, state, member, stage, from, to, containerId, awayMs, keptUntil, notes },
      ...{ waiting, error, startedAt, finishedAt },
    };
  }

  private show(): void {
    setCurrentDetails(containerPage(this.progress()));
  }

  private enter(state: ContainerUpgradeState): void {
    this.state = state;
    upsertSearchAttributes([{ key: searchAttributes.state, value: state }]);
    this.show();
  }
}

/** Where a container that was at work is when its upgrade ends. */
const memberEnds = {
  succeeded: 'Active',
  alreadyThere: 'Active',
  failed: 'Failed',
  rolledBack: 'RolledBack',
} as const satisfies Record<Exclude<ContainerUpgradeState, 'running'>, MemberState>;

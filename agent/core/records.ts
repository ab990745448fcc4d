import type { InstalledRelease, Order, ReportError } from '../../model/bus.ts';
import type { HostWork } from '../host-work.ts';
import type { Json } from '../ports.ts';

/** One line of a journal: what happened, in the order in which it happened. */
export type JournalRecord = { readonly seq: number; readonly at: number; readonly body: JournalBody };

/**
 * accepted: the order, and all that the work needs from here on · adopted: a newer order for the same work, or one to
 * undo it · begun: its turn has come · stepStarted / stepFinished: around each effect · reverting: the way back begins ·
 * undoFailed / undoFinished: around each undo · rebooting: a boot is asked for on the way back · settled: what ran
 * before runs again · finished: nothing is left to do
 */
export type JournalBody =
  | Accepted
  | { readonly type: 'adopted'; readonly order: Order }
  | { readonly type: 'begun' }
  | {
      readonly type: 'stepStarted';
      readonly index: number;
      readonly attempt: number;
      readonly bootId: string;
      readonly before: Json;
    }
  | { readonly type: 'stepFinished'; readonly index: number }
  | { readonly type: 'notAlready'; readonly problem: string }
  | { readonly type: 'reverting'; readonly error: ReportError | null }
  | { readonly type: 'undoStarted'; readonly index: number }
  | { readonly type: 'undoFailed'; readonly index: number; readonly message: string }
  | { readonly type: 'undoFinished'; readonly index: number }
  | { readonly type: 'rebooting'; readonly index: number; readonly attempt: number; readonly bootId: string }
  | { readonly type: 'settled'; readonly index: number }
  | {
      readonly type: 'finished';
      readonly phase: 'done' | 'reverted' | 'stuck';
      readonly error: ReportError | null;
      readonly measured: Readonly<Record<string, string>>;
    };

export type Accepted = {
  readonly type: 'accepted';
  readonly order: Order;
  /** The whole list of steps, probes and deadlines: from here on nothing of the bus is needed, nor release.json. */
  readonly host: HostWork;
  /** Digest of `host`, for people who compare journals of two hosts. */
  readonly digest: string;
  /** The host said to be on this release already: it is verified first, and steps run only if that fails. */
  readonly already: boolean;
  readonly before: InstalledRelease | null;
  /** Counted from the start of the work, not from here; ms. */
  readonly budgetMs: number;
  readonly begun: boolean;
  readonly bootId: string;
};

/** An order that was answered without work: the last one is kept, so that a restart answers the same. */
export type Answered = {
  readonly order: Order;
  readonly refused: string | null;
  readonly probe: { readonly ok: boolean; readonly evidence: string } | null;
  /** The refusal lasts as long as the work at hand: then the order on the bus is judged again. */
  readonly busy: boolean;
  /** There was nothing to undo for a revert or stand-down: the host is as it was before. */
  readonly reverted: boolean;
  readonly at: number;
};

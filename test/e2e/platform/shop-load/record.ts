import type { Slot } from '../../../../model/unit.ts';

/** How a client speaks: connections kept or new, answers at once or after two seconds; api: the other frontend. */
export const clientKinds = ['kept', 'fresh', 'slowKept', 'slowFresh', 'api'] as const;
export type ClientKind = (typeof clientKinds)[number];

/** Answered after two seconds. */
export const isSlow = (kind: ClientKind): boolean => kind === 'slowKept' || kind === 'slowFresh';

/** What the program of the load is started with. */
export type LoadPlan = {
  readonly web: string;
  readonly api: string;
  readonly clients: Readonly<Record<ClientKind, number>>;
  /** Of each client between two requests; ms. */
  readonly pauseMs: number;
  /** Asked to end, it goes on until it has so many. */
  readonly least: number;
};

/** One request, by the client's own clock alone; ms since the epoch, with fractions. */
export type ShopRequest = {
  readonly kind: ClientKind;
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0: it was not answered, or not to its end. */
  readonly status: number;
  readonly slot: Slot | null;
  /** What else there is to say of one that was not answered with 200; else empty. */
  readonly problem: string;
};

export type Answered = Pick<ShopRequest, 'status' | 'slot' | 'problem'>;

/** Longest wait for an answer; ms. A slow one takes two seconds. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Of an answer that has come to its end. */
export const answered = (status: number, body: string): Answered => ({
  status,
  slot: /"slot":"green"/.test(body) ? 'green' : /"slot":"blue"/.test(body) ? 'blue' : null,
  problem: status === 200 ? '' : `status ${status}: ${body.slice(-200)}`,
});

export const unanswered = (problem: string): Answered => ({ status: 0, slot: null, problem });

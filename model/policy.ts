/** How an upgrade goes through the fleet, and what happens when a host fails. Chosen once, at the start. */
export type Policy = {
  readonly install: InstallStrategy;
  /** Where a failed host leads once the environment is ruled out. */
  readonly onFailure: 'pause' | 'skip' | 'rollback';
  /** How many hosts of the whole fleet may fail before `skip` stops skipping and the run pauses; a count or a share. */
  readonly maxFailures: Amount;
  /** Hosts that download at the same time. */
  readonly maxParallelDownloads: number;
  /** Largest download for one host; bytes. */
  readonly downloadByteLimit: number;
  /** What must stay free on a host's disk after the download; bytes. */
  readonly diskFloorBytes: number;
  readonly downloadDeadlineMs: number;
  /** Longest time for one host's install, health included; the release's own deadline applies if shorter. */
  readonly hostDeadlineMs: number;
  /** A host whose agent shows no sign of life for this long, past its deadline or not, counts as lost. */
  readonly silenceMs: number;
  /** Pause between two looks at an environment that failed (registry down, disk full). */
  readonly environmentRetryMs: number;
  /** How often the environment is looked at before the run pauses and asks. */
  readonly environmentRetries: number;
  /** Ask before each wave, and between hops: each waits for `approve`. */
  readonly step: boolean;
  /** Names of risks that the operator accepts: hops that need them are allowed. */
  readonly acceptRisks: readonly string[];
  /** Before a migration that has no way back: ask waits for `approve` · pass goes on. */
  readonly pointsOfNoReturn: 'ask' | 'pass';
};

export type InstallStrategy =
  | { readonly strategy: 'serial' }
  | { readonly strategy: 'waves'; readonly sizes: readonly Amount[]; readonly maxUnavailable: Amount | null }
  | { readonly strategy: 'daisy-chain' };

/** A number of hosts, or a share of the fleet. */
export type Amount = { readonly hosts: number } | { readonly percent: number };

export const defaultPolicy: Policy = {
  install: { strategy: 'serial' },
  onFailure: 'pause',
  maxFailures: { hosts: 0 },
  maxParallelDownloads: 8,
  downloadByteLimit: 4 * 1024 ** 3,
  diskFloorBytes: 256 * 1024 ** 2,
  downloadDeadlineMs: 30 * 60_000,
  hostDeadlineMs: 30 * 60_000,
  silenceMs: 90_000,
  environmentRetryMs: 10_000,
  environmentRetries: 30,
  step: false,
  acceptRisks: [],
  pointsOfNoReturn: 'ask',
};

/** `5` or `25%`; throws a RangeError that quotes the text. */
export function parseAmount(text: string): Amount {
  const match = /^(\d{1,6})(%?)$/.exec(text.trim());
  const number = Number(match?.[1]);
  if (match === null || (match[2] === '%' && number > 100)) {
    throw new RangeError(`expected a number of hosts such as 5, or a share such as 25%, got "${text}"`);
  }
  return match[2] === '%' ? { percent: number } : { hosts: number };
}

/** Hosts that the amount stands for in a fleet of `total`; a share is rounded up, so that no share means nobody. */
export const countOf = (amount: Amount, total: number): number =>
  'hosts' in amount ? amount.hosts : Math.ceil((amount.percent * total) / 100);

export const formatAmount = (amount: Amount): string => ('hosts' in amount ? `${amount.hosts}` : `${amount.percent}%`);

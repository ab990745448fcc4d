import { join } from 'node:path';
import type { HostStep } from '../host-work.ts';
import type { Places } from '../places.ts';
import type { Json, Probed, StepPlace, Verified } from '../ports.ts';

/** Where a step of one kind works: its place, with the folders that belong to it. */
export type StepSite = StepPlace & {
  readonly places: Places;
  /** The release on the host's disk, verified. */
  readonly releaseFolder: string;
  /** The step's own; what `capture` copies here stays until the upgrade is pruned. */
  readonly undoFolder: string;
};

/** One type of step. Its contract is HostSteps' (agent/ports.ts). */
export interface StepKind<Kind extends HostStep> {
  check(step: Kind, site: StepSite): Promise<boolean>;
  capture(step: Kind, site: StepSite): Promise<Json>;
  apply(step: Kind, site: StepSite): Promise<void>;
  verify(step: Kind, site: StepSite): Promise<Verified>;
  undo(step: Kind, site: StepSite): Promise<void>;
  settle(step: Kind, site: StepSite): Promise<void>;
  probe(step: Kind, site: StepSite): Promise<Probed>;
  /** Absent: what is undone takes effect without a restart. */
  needsRestart?(step: Kind, site: StepSite): Promise<boolean>;
}

/** A file of the release on the host's disk. */
export const releaseFile = (site: StepSite, path: string): string => join(site.releaseFolder, path);

/** For kinds whose undo leaves nothing to bring back. */
export const nothingToSettle = (): Promise<void> => Promise.resolve();

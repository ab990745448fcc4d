import type { AgentPhase } from './agent-phase.ts';
import type { Alive, InstalledRelease, Report } from './bus.ts';

export type LatestWord = { readonly installed: InstalledRelease | null; readonly phase: AgentPhase };

/**
 * What the agent says the host is on and at. Facts are read twice a minute, reports are written at every change: the later
 * one counts, both by the host's clock. Facts win later on, for a host that was set up anew has no report of its own.
 */
export function latestWord(report: Report | null, alive: Alive | null): LatestWord | null {
  if (report !== null && (alive === null || alive.facts.clockMs <= report.changedAt)) return report;
  return alive === null ? null : { installed: alive.facts.installed, phase: alive.phase };
}

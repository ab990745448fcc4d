import type { AgentInput } from '../activities/self-upgrade-activities.ts';
import type { HostId } from '../model/ids.ts';
import type { AgentStanding } from '../model/upgrader.ts';

/** What a child that upgrades agents is told: at most MAX_WAVE_HOSTS of them, so that its input stays under 16 kB. */
export type AgentWaveInput = Omit<AgentInput, 'host' | 'agent'> & {
  readonly agents: readonly AgentStanding[];
  readonly maxParallel: number;
  /** An agent of this version came up in this upgrade already: no gatekeeper is needed. */
  readonly isProven: boolean;
};

/** kept: at work on something else; their download brings the agent. Hosts that are nowhere were not begun. */
export type AgentWaveResult = {
  readonly replaced: readonly HostId[];
  readonly kept: readonly HostId[];
  readonly failed: readonly {
    readonly host: HostId;
    readonly outcome: 'reverted' | 'failed';
    readonly message: string;
  }[];
};

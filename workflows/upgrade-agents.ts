import { setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { AgentStanding } from '../model/upgrader.ts';
import type { AgentWaveInput, AgentWaveResult } from './agent-wave.ts';
import { fitMessages } from './fit.ts';
import { stopWave, waveProgress } from './messages.ts';
import { onHost } from './proxies.ts';
import { Waits } from './waits.ts';

/** Replaces agents: one after another until one has proven itself, then so many at a time; the first that fails is the last. */
export async function upgradeAgents(input: AgentWaveInput): Promise<AgentWaveResult> {
  const wave = new AgentWave(input);
  setHandler(waveProgress, () => ({ hosts: [], waiting: wave.waits.list() }), {
    description: 'the hosts whose agents are being replaced',
  });
  setHandler(stopWave, () => wave.stop(), { description: 'touch no further agent; what runs finishes' });

  while (!wave.isProven() && (await wave.next()));
  const lane = async (): Promise<void> => {
    while (await wave.next());
  };
  await Promise.all(Array.from({ length: input.maxParallel }, lane));
  return wave.result();
}

/** What one wave of agents knows. */
class AgentWave {
  readonly waits = new Waits(() => this.show());
  private readonly input: AgentWaveInput;
  private readonly queue: AgentStanding[];
  private readonly replaced: AgentWaveResult['replaced'][number][] = [];
  private readonly kept: AgentWaveResult['kept'][number][] = [];
  private readonly failed: AgentWaveResult['failed'][number][] = [];

  constructor(input: AgentWaveInput) {
    this.input = input;
    this.queue = [...input.agents];
  }

  isProven(): boolean {
    return this.input.isProven || this.replaced.length > 0;
  }

  stop(): void {
    this.queue.splice(0);
  }

  /** false: there is no further one to do. */
  async next(): Promise<boolean> {
    const standing = this.queue.shift();
    if (standing === undefined) return false;
    const { host, from, to } = standing;
    const summary = `agent ${from ?? 'none'} → ${to} on ${host}`;
    const until = Date.now() + this.input.deadlineMs;
    const movedOnBy = `the engine of ${host} and its new agent`;
    const result = await this.waits.during({ what: summary, host, until, movedOnBy }, async () =>
      onHost.upgradeAgent.executeWithOptions({ summary }, [this.inputOf(standing)]),
    );
    if (result.outcome === 'failed' || result.outcome === 'reverted') {
      this.stop();
      this.failed.push({ host, outcome: result.outcome, message: result.message });
    } else if (result.outcome === 'kept') this.kept.push(host);
    else this.replaced.push(host);
    return true;
  }

  result(): AgentWaveResult {
    const { replaced, kept } = this;
    return { replaced, kept, failed: fitMessages(this.failed) };
  }

  private inputOf({ host, to: agent }: AgentStanding): Parameters<typeof onHost.upgradeAgent>[0] {
    const { fleet, upgrade, release, byteLimit, diskFloorBytes, deadlineMs } = this.input;
    return { fleet, upgrade, host, agent, release, byteLimit, diskFloorBytes, deadlineMs };
  }

  private show(): void {
    const waits = this.waits.list().map(({ what }) => `- ${what}`);
    const done = this.replaced.length + this.kept.length;
    setCurrentDetails([`${done} of ${this.input.agents.length} agents`, ...waits].join('\n'));
  }
}

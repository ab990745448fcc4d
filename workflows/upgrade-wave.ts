import { condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { PlannedHost } from '../model/plan.ts';
import type { HostProgress, Waiting } from '../model/upgrade.ts';
import { nextHosts, type WaveView } from '../model/wave.ts';
import { hostTable } from './details.ts';
import { fitOutcomes } from './fit.ts';
import { stopWave, waveProgress } from './messages.ts';
import { onHost } from './proxies.ts';
import type { WaveInput, WaveResult } from './wave-input.ts';

/** Orders the hosts of one wave, no more of them out of service than allowed, and ends when nothing runs any more. */
export async function upgradeWave(input: WaveInput): Promise<WaveResult> {
  const wave = new Wave(input);
  setHandler(waveProgress, () => ({ hosts: wave.progress(), waiting: wave.waiting() }), {
    description: 'the hosts of this wave, and what it waits for',
  });
  setHandler(stopWave, () => wave.stop(), { description: 'start no further host; what runs finishes' });

  // At most one round a host that ends, and one at the start.
  for (let round = 0; round <= input.hosts.length; round++) {
    for (const host of wave.next()) void order(wave, host);
    if (wave.atWork() === 0) break;
    const ended = wave.outcomes.length;
    await condition(() => wave.outcomes.length > ended || wave.error !== null);
    if (wave.error !== null) throw wave.error;
  }
  return { outcomes: fitOutcomes(wave.outcomes) };
}

async function order(wave: Wave, planned: PlannedHost): Promise<void> {
  const { input } = wave;
  const { fleet, upgrade, release, action, epoch, deadlineMs, silenceMs } = input;
  wave.begin(planned);
  try {
    const sequence = input.sequence + input.hosts.findIndex((host) => host.name === planned.name);
    const outcome = await onHost.orderHost.executeWithOptions(
      { summary: `${action} ${release.version} on ${planned.name}` },
      [
        {
          fleet,
          upgrade,
          release,
          action,
          epoch,
          sequence,
          deadlineMs,
          silenceMs,
          host: planned.name,
          from: planned.from,
        },
      ],
    );
    wave.end(outcome);
  } catch (error) {
    wave.error = error instanceof Error ? error : new Error(String(error));
  }
}

/** What one wave knows; its invariants are nextHosts'. */
class Wave {
  readonly input: WaveInput;
  readonly outcomes: HostOutcome[] = [];
  error: Error | null = null;
  private readonly begun = new Map<string, number>();
  private stopped = false;

  constructor(input: WaveInput) {
    this.input = input;
  }

  next(): readonly PlannedHost[] {
    const names = nextHosts(this.view());
    return this.input.hosts.filter((host) => names.includes(host.name));
  }

  atWork(): number {
    return this.begun.size - this.outcomes.length;
  }

  stop(): void {
    this.stopped = true;
  }

  begin(host: PlannedHost): void {
    this.begun.set(host.name, Date.now());
    setCurrentDetails(hostTable(this.progress()));
  }

  end(outcome: HostOutcome): void {
    this.outcomes.push(outcome);
    setCurrentDetails(hostTable(this.progress()));
  }

  progress(): readonly HostProgress[] {
    return this.input.hosts.map((planned) => this.hostProgress(planned));
  }

  waiting(): readonly Waiting[] {
    const { action, deadlineMs } = this.input;
    return this.input.hosts.flatMap(({ name }) => {
      const since = this.begun.get(name);
      if (since === undefined || this.outcomeOf(name) !== undefined) return [];
      const what = `${name} to report the end of its ${action}`;
      return [
        { what, host: name, since, until: since + deadlineMs, movedOnBy: `the agent on ${name}, or its deadline` },
      ];
    });
  }

  private hostProgress({ name, from }: PlannedHost): HostProgress {
    const outcome = this.outcomeOf(name);
    const since = this.begun.get(name) ?? null;
    const [idle, working] =
      this.input.action === 'install' ? (['staged', 'installing'] as const) : (['done', 'rollingBack'] as const);
    return {
      name,
      state: outcome?.state ?? (since === null ? idle : working),
      from: outcome?.from ?? from,
      to: outcome?.to ?? null,
      wave: this.input.name,
      step: outcome?.step ?? null,
      ...(outcome?.error != null && { error: outcome.error }),
      startedAt: outcome?.startedAt ?? since,
      finishedAt: outcome?.finishedAt ?? null,
    };
  }

  private view(): WaveView {
    const { maxUnavailable, gatekeeper } = this.input;
    const hosts = this.input.hosts.map(({ name }) => ({ name, state: this.stateOf(name) }));
    return { hosts, maxUnavailable, gatekeeper, stopped: this.stopped };
  }

  private stateOf(name: string): WaveView['hosts'][number]['state'] {
    const outcome = this.outcomeOf(name);
    if (outcome !== undefined) return isFailure(outcome.state) ? 'failed' : 'succeeded';
    return this.begun.has(name) ? 'atWork' : 'pending';
  }

  private outcomeOf(name: string): HostOutcome | undefined {
    return this.outcomes.find((outcome) => outcome.host === name);
  }
}

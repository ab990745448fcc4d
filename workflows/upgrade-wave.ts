import { CancellationScope, condition, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { isFailure, type HostOutcome } from '../model/host.ts';
import type { HostId } from '../model/ids.ts';
import type { PlannedHost } from '../model/plan.ts';
import type { HostProgress, Waiting } from '../model/upgrade.ts';
import { nextHosts, type WaveView } from '../model/wave.ts';
import { hostTable } from './details.ts';
import { fitOutcomes, fitTraffic } from './fit.ts';
import { outOfTraffic, trafficWait, WaveTraffic, type TrafficStage } from './host-traffic.ts';
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

  const begun: Promise<void>[] = [];
  try {
    // At most one round a host that ends, and one at the start.
    for (let round = 0; round <= input.hosts.length; round++) {
      begun.push(...wave.next().map(async (host) => upgradeHost(wave, host)));
      if (wave.atWork() === 0) break;
      const ended = wave.outcomes.length;
      await condition(() => wave.outcomes.length > ended || wave.error !== null);
      if (wave.error !== null) throw wave.error;
    }
  } finally {
    // Members that are out of traffic are put back before the wave ends, whatever ends it.
    if (input.balanced) await CancellationScope.nonCancellable(async () => Promise.all(begun));
  }
  const outcomes = fitOutcomes(wave.outcomes);
  return { outcomes, ...(input.balanced && { traffic: fitTraffic(outcomes, wave.traffic) }) };
}

async function upgradeHost(wave: Wave, planned: PlannedHost): Promise<void> {
  const { input, traffic } = wave;
  const host = planned.name;
  wave.begin(planned);
  try {
    const work = { input, host, traffic, enter: (stage: TrafficStage) => wave.enter(host, stage) };
    const outcome = await (input.balanced
      ? outOfTraffic(work, async () => order(wave, planned))
      : order(wave, planned));
    wave.end(outcome);
  } catch (error) {
    wave.error = error instanceof Error ? error : new Error(String(error));
  }
}

async function order({ input }: Wave, { name: host, from }: PlannedHost): Promise<HostOutcome> {
  const { fleet, upgrade, release, action, epoch, deadlineMs, silenceMs } = input;
  const sequence = input.sequence + input.hosts.findIndex(({ name }) => name === host);
  const edited = input.edited?.find((one) => one.host === host)?.answer ?? null;
  const summary = `${action} ${release.version} on ${host}`;
  const ordered = { fleet, upgrade, release, action, edited, epoch, sequence, deadlineMs, silenceMs, host, from };
  return onHost.orderHost.executeWithOptions({ summary }, [ordered]);
}

/** What one wave knows; its invariants are nextHosts'. */
class Wave {
  readonly input: WaveInput;
  readonly outcomes: HostOutcome[] = [];
  error: Error | null = null;
  readonly traffic = new WaveTraffic();
  private readonly begun = new Map<string, number>();
  private readonly steered = new Map<string, { readonly stage: TrafficStage; readonly since: number }>();
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

  enter(host: HostId, stage: TrafficStage): void {
    this.steered.set(host, { stage, since: Date.now() });
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
      const steered = this.steered.get(name);
      const since = steered?.since ?? this.begun.get(name);
      if (since === undefined || this.outcomeOf(name) !== undefined) return [];
      if (steered !== undefined && steered.stage !== 'ordered') return [trafficWait(steered.stage, name, since)];
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

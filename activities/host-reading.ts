import { latestWord } from '../model/latest-word.ts';
import { isAtWork } from '../model/agent-phase.ts';
import { FACTS_FOLDERS, type HostFacts } from '../model/bus.ts';
import { EngineError, type Engine, type JobOutcome } from '../model/engine.ts';
import type { HostId, UpgradeId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import { packagesOf, type HostReading } from '../model/preflight.ts';
import type { ReadRelease } from '../model/registry.ts';
import { imageReference } from '../model/release.ts';
import { pullAuthorized } from './authorized-pull.ts';
import { messageOf } from './failure.ts';
import { type HostLevel } from './host-levels.ts';
import type { Ports } from './ports.ts';

/** Longest time for a preflight container; ms. It reads a few files, on a host that may be busy. */
const FACTS_JOB_MS = 60_000;
/** Age that an agent's facts may have by design; ms. It reads its disk twice a minute. */
const FACTS_AGE_MS = 35_000;
/** Where a preflight container finds them. */
const FACTS_BINDS = FACTS_FOLDERS.map((folder) => `${folder}:/host${folder}:ro`);

export type ReadHost = {
  readonly host: HostId;
  readonly upgrade: UpgradeId;
  readonly level: HostLevel;
  readonly read: ReadRelease;
  readonly policy: Policy;
  readonly signal: AbortSignal;
};

/** `pulled`: the release's image was not on the host before. */
export type HostWasRead = { readonly reading: HostReading; readonly pulled: boolean };

type Facts =
  | { readonly facts: HostFacts; readonly clockSkewMs: number }
  | { readonly facts: null; readonly problem: string | null };

/** Reads one host: its engine, and facts from its agent, or from a container of the release where no agent lives. */
export async function readHost(ports: ReadingPorts, input: ReadHost): Promise<HostWasRead> {
  const { host, level, read, signal } = input;
  const engine = ports.engine(host);
  const engineProblem = await askEngine(engine, signal);
  const pulled = { pulled: false };
  const asked = {
    ...input,
    engine: engineProblem === null ? engine : null,
    pulled,
    packages: packagesOf(read.release),
  };
  const found = await findFacts(ports, asked);
  const reading: HostReading = {
    host,
    engineProblem,
    facts: found.facts === null ? null : { ...found.facts, phase: phaseOf(level, found.facts) },
    factsProblem: found.facts === null ? found.problem : null,
    clockSkewMs: found.facts === null ? 0 : found.clockSkewMs,
    order: level.order,
    report: level.report,
    busProblems: level.problems,
  };
  return { reading, pulled: pulled.pulled };
}

/** Facts of a host without an agent once more, about packages of another release; null: it can't be asked, and why. */
export async function readPackages(
  ports: ReadingPorts,
  input: ReadHost & { readonly packages: ReturnType<typeof packagesOf> },
): Promise<
  { readonly packages: HostFacts['packages'] } | { readonly packages: null; readonly problem: string | null }
> {
  const found = await findFacts(ports, { ...input, engine: ports.engine(input.host), pulled: { pulled: false } });
  return found.facts === null ? { packages: null, problem: found.problem } : { packages: found.facts.packages };
}

/** A container knows nothing of the agent's journals: where no agent lives, its last report says what it was at. */
function phaseOf({ alive, report }: HostLevel, facts: HostFacts): HostFacts['phase'] {
  const isOpen = report !== null && (isAtWork(report.phase) || report.phase === 'stuck');
  return alive === null && isOpen ? report.phase : facts.phase;
}

async function askEngine(engine: Engine, signal: AbortSignal): Promise<string | null> {
  try {
    await engine.info(signal);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  }
}

type ReadingPorts = Pick<Ports, 'engine' | 'clock' | 'values' | 'registryAuth'>;
type FindFacts = ReadHost & {
  readonly engine: Engine | null;
  readonly pulled: { pulled: boolean };
  readonly packages: ReturnType<typeof packagesOf>;
};

async function findFacts(ports: ReadingPorts, input: FindFacts): Promise<Facts> {
  const { alive } = input.level;
  const now = ports.clock.now();
  if (alive !== null) {
    const { facts } = alive;
    const aheadMs = facts.clockMs - now;
    const clockSkewMs = aheadMs > 0 ? aheadMs : Math.min(0, aheadMs + FACTS_AGE_MS);
    const { installed, phase } = latestWord(input.level.report, input.level.alive) ?? alive.facts;
    return { facts: { ...facts, installed, phase, agent: alive.agent }, clockSkewMs };
  }
  if (input.engine === null) return { facts: null, problem: null };
  try {
    return await factsFromContainer(ports, { ...input, engine: input.engine });
  } catch (error) {
    input.signal.throwIfAborted();
    if (error instanceof EngineError) return { facts: null, problem: error.message };
    throw error;
  }
}

async function factsFromContainer(
  ports: ReadingPorts,
  { engine, host, upgrade, read, policy, signal, pulled, packages }: FindFacts & { readonly engine: Engine },
): Promise<Facts> {
  const image = imageReference(read.ref);
  const pull = await pullAuthorized(ports, engine, {
    reference: image,
    byteLimit: policy.downloadByteLimit,
    deadlineMs: policy.downloadDeadlineMs,
    signal,
  });
  if (pull.outcome === 'failed') return { facts: null, problem: pull.message };
  pulled.pulled = pull.outcome === 'pulled';
  const job = await engine.runJob({
    name: `refit-facts-${upgrade}`,
    image,
    command: ['facts'],
    binds: FACTS_BINDS,
    env: {
      REFIT_HOST_ROOT: '/host',
      REFIT_PACKAGES: packages.map(({ name }) => name).join(','),
    },
    labels: { 'dev.refit.upgrade': upgrade, 'dev.refit.host': host, 'dev.refit.job': 'facts' },
    networkMode: 'none',
    deadlineMs: FACTS_JOB_MS,
    signal,
  });
  return parseFacts(ports, job);
}

function parseFacts({ clock, values }: Pick<Ports, 'clock' | 'values'>, job: JobOutcome): Facts {
  if (job.outcome === 'failed') return { facts: null, problem: `the preflight container failed: ${job.message}` };
  const line = job.lines.findLast((one) => one.startsWith('{'));
  if (job.exitCode !== 0 || line === undefined) {
    const said = job.lines.slice(-3).join(' | ');
    return { facts: null, problem: `the preflight container ended with exit code ${job.exitCode}: ${said}` };
  }
  const parsed = values.parseHostFacts(line);
  if (!parsed.ok) return { facts: null, problem: `the preflight container said: ${parsed.problem}` };
  return { facts: parsed.value, clockSkewMs: parsed.value.clockMs - clock.now() };
}

import { EngineError, type Engine, type JobOutcome } from '../model/engine.ts';
import type { HostId } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { imageReference } from '../model/release.ts';
import { workLabels } from '../model/replacement.ts';
import { planned, portOf, type UnitSite } from '../model/unit-site.ts';
import { unitLabels } from '../model/unit.ts';
import type { UnitHostReading } from '../model/unit-preflight.ts';
import { pullAuthorized } from './authorized-pull.ts';
import { messageOf } from './failure.ts';
import type { OpenedUnit, UnitPorts } from './open-unit.ts';
import { inParallel } from './parallel.ts';
import type { PlanUnitInput } from './unit-activities.ts';

/** Hosts that are read at the same time. */
const MAX_PARALLEL = 8;
/** Longest time for the container that tries the ports; ms. It takes a moment, on a host that may be busy. */
const PORTS_JOB_MS = 60_000;

export type HostLook = {
  readonly ports: UnitPorts;
  readonly opened: OpenedUnit;
  readonly site: UnitSite;
  readonly input: PlanUnitInput;
};

/** Every host that the unit is to have members on; what was pulled to read one is removed again if `keep` says so. */
export async function readUnitHosts(
  look: HostLook,
  signal: AbortSignal,
): Promise<readonly (UnitHostReading & { readonly pulled: boolean })[]> {
  const hosts = [...new Set(planned(look.site).map(({ host }) => host))];
  return inParallel(hosts, MAX_PARALLEL, async (host) => readHost(look, host, signal));
}

async function readHost(
  look: HostLook,
  host: HostId,
  signal: AbortSignal,
): Promise<UnitHostReading & { readonly pulled: boolean }> {
  const { site } = look;
  const engine = look.ports.engine(host);
  const wanted = portsOn(site, host);
  const lacksAddress = wanted.reached && !site.addresses.has(host);
  const blank = { host, problem: null, lacksAddress, portsInUse: [], namesTaken: [], pulled: false };
  try {
    await engine.info(signal);
    const namesTaken = await takenNames(engine, { site, host }, signal);
    if (wanted.published.length === 0) return { ...blank, namesTaken };
    const tried = await tryPorts(look, { engine, host, ports: wanted.published }, signal);
    return { ...blank, namesTaken, ...tried };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError)) throw error;
    return { ...blank, problem: error.message };
  }
}

/** Ports that members to be created publish there; `reached`: something on the host, created or not, has one. */
function portsOn(site: UnitSite, host: HostId): { readonly published: readonly number[]; readonly reached: boolean } {
  const of = (members: UnitSite['plan']['members']): readonly number[] =>
    members.filter((member) => member.host === host).flatMap((member) => portOf(site, member, site.plan.to) ?? []);
  const published = of(site.plan.members);
  return { published, reached: [...published, ...of(site.plan.present)].length > 0 };
}

/** Containers of the names that the plan has, which are not the unit's. */
async function takenNames(
  engine: Engine,
  { site, host }: { readonly site: UnitSite; readonly host: HostId },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names = site.plan.members.filter((member) => member.host === host).map(({ container }) => container);
  const found = await Promise.all(names.map(async (name) => engine.inspectContainer(name, signal)));
  return found.flatMap((one) => (one === null || one.labels[unitLabels.unit] === site.unit.name ? [] : [one.name]));
}

type Trying = { readonly engine: Engine; readonly host: HostId; readonly ports: readonly number[] };
type Tried = Pick<UnitHostReading, 'portsInUse' | 'problem'> & { readonly pulled: boolean };

/** Only on the host itself it can be seen who listens there: a container of the release, in the host's own network, tries. */
async function tryPorts(
  { ports, input }: HostLook,
  { engine, host, ports: wanted }: Trying,
  signal: AbortSignal,
): Promise<Tried> {
  const image = imageReference(input.release);
  const { downloadByteLimit: byteLimit, downloadDeadlineMs: deadlineMs } = defaultPolicy;
  const pull = await pullAuthorized(ports, engine, { reference: image, byteLimit, deadlineMs, signal });
  if (pull.outcome === 'failed') return { portsInUse: [], problem: pull.message, pulled: false };
  const pulled = pull.outcome === 'pulled';
  const job = await engine.runJob({
    name: `refit-ports-${input.upgrade}`,
    image,
    command: ['ports'],
    binds: [],
    env: { REFIT_PORTS: wanted.join(',') },
    labels: { [workLabels.upgrade]: input.upgrade, 'dev.refit.host': host, 'dev.refit.job': 'ports' },
    networkMode: 'host',
    deadlineMs: PORTS_JOB_MS,
    signal,
  });
  return { ...portsInUse(job), pulled };
}

/** The last line that is a document; what it is not is said. */
function portsInUse(job: JobOutcome): Pick<UnitHostReading, 'portsInUse' | 'problem'> {
  const failed = (why: string): Pick<UnitHostReading, 'portsInUse' | 'problem'> => ({
    portsInUse: [],
    problem: `the container that tries its ports ${why}`,
  });
  if (job.outcome === 'failed') return failed(`failed: ${job.message}`);
  const line = job.lines.findLast((one) => one.startsWith('{')) ?? '';
  try {
    const said: unknown = JSON.parse(line);
    if (job.exitCode === 0 && isPorts(said)) return { portsInUse: said.inUse.map(({ port }) => port), problem: null };
  } catch (error) {
    return failed(`said: ${messageOf(error)}`);
  }
  return failed(`ended with exit code ${job.exitCode}: ${job.lines.slice(-3).join(' | ')}`);
}

const isPorts = (said: unknown): said is { readonly inUse: readonly { readonly port: number }[] } =>
  typeof said === 'object' && said !== null && 'inUse' in said && Array.isArray(said.inUse);

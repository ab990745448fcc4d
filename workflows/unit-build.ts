import type { PlannedMember } from '../model/unit-upgrade.ts';
import type { HostId } from '../model/ids.ts';
import { defaultPolicy } from '../model/policy.ts';
import { defaultServicePolicy } from '../model/service.ts';
import { onUnit } from './proxies.ts';
import { slotInput } from './unit-input.ts';
import { runJobs, runMigrations } from './unit-job.ts';
import type { UnitRun } from './unit-run.ts';
import { doStep, everyOne, skipStep, type Step, type StepEnd } from './unit-step.ts';

/** Everything up to the cutover: nothing of it touches the slot that takes the requests. */
export async function buildSlot(run: UnitRun): Promise<StepEnd> {
  for (const step of stepsOf(run)) {
    if (step.isEmpty) {
      skipStep(run, step.name, 'the release has none');
      continue;
    }
    const end = await doStep(run, step);
    if (end !== 'go') return end;
  }
  return 'go';
}

type BuildStep = Step & { readonly isEmpty?: boolean };

function stepsOf(run: UnitRun): readonly BuildStep[] {
  const { members, present, accountData, tests, expand } = run.plan();
  const of = (kind: PlannedMember['kind']): readonly PlannedMember[] =>
    members.filter((member) => member.kind === kind);
  const addOns = of('addOn');
  const hosts = hostsOf([...members, ...present]);
  return [
    { name: 'pull', work: async () => pullEverywhere(run, hosts) },
    { name: 'create', work: async () => create(run) },
    { name: 'networks', work: async () => joinNetworks(run, hosts) },
    { name: 'files', work: async () => putFiles(run) },
    { name: 'shared', work: async () => start(run, of('shared')), isEmpty: of('shared').length === 0 },
    { name: 'expand', work: async () => runMigrations(run, 'expand'), isEmpty: expand.length === 0, isWhole: true },
    { name: 'services', work: async () => start(run, of('service')) },
    {
      name: 'accountData',
      work: async () => runJobs(run, 'accountData', [accountData ?? '']),
      isEmpty: accountData === null,
    },
    { name: 'addOns', work: async () => start(run, addOns), isEmpty: addOns.length === 0 },
    { name: 'tests', work: async () => runJobs(run, 'tests', tests), isEmpty: tests.length === 0 },
  ];
}

async function pullEverywhere(run: UnitRun, hosts: readonly HostId[]): Promise<string | null> {
  const problems = await everyOne(hosts, async (host) => pullOn(run, host));
  return firstOf(problems);
}

/** What the environment fails is waited out, so often. */
async function pullOn(run: UnitRun, host: HostId): Promise<string | null> {
  const { downloadByteLimit: byteLimit, diskFloorBytes, downloadDeadlineMs: deadlineMs } = defaultPolicy;
  const { environmentRetries, environmentRetryMs } = defaultServicePolicy;
  const input = { ...slotInput(run), host, byteLimit, diskFloorBytes, deadlineMs };
  for (let tries = 0; ; tries++) {
    const what = `${host} to pull the unit's images`;
    const result = await run.during({ what, host, movedOnBy: 'the registry' }, async () =>
      onUnit.pullSlotImages.executeWithOptions({ summary: `pull on ${host}` }, [input]),
    );
    run.pulled.push(...result.pulled.map((image) => ({ host, image })));
    if (result.outcome !== 'failed') return null;
    if (result.kind === 'input' || tries >= environmentRetries || run.ending() !== 'go') return result.message;
    const waiting = { what: `the environment to mend itself (${result.message})`, host };
    const movedOnBy = 'time, or whoever mends the environment';
    await run.wait({ ...waiting, movedOnBy }, () => run.wishes.ending !== null, environmentRetryMs);
  }
}

async function create(run: UnitRun): Promise<null> {
  await everyOne(run.plan().members, async (member) => {
    const summary = `create ${member.container} on ${member.host}`;
    await atEngine(run, member.host, async () =>
      onUnit.createSlotMember.executeWithOptions({ summary }, [{ ...slotInput(run), member }]),
    );
    run.markMember(member, 'created');
  });
  return null;
}

async function joinNetworks(run: UnitRun, hosts: readonly HostId[]): Promise<null> {
  await everyOne(hosts, async (host) => {
    const summary = `networks on ${host}`;
    await atEngine(run, host, async () =>
      onUnit.joinSlotNetwork.executeWithOptions({ summary }, [{ ...slotInput(run), host }]),
    );
  });
  return null;
}

async function putFiles(run: UnitRun): Promise<null> {
  await everyOne(run.plan().members, async (member) => {
    const summary = `files of ${member.container} on ${member.host}`;
    await atEngine(run, member.host, async () =>
      onUnit.putSlotFiles.executeWithOptions({ summary }, [{ ...slotInput(run), member }]),
    );
  });
  return null;
}

/** Level by level: what others rest on is healthy before they start. */
async function start(run: UnitRun, members: readonly PlannedMember[]): Promise<string | null> {
  const levels = [...new Set(members.map(({ level }) => level))].sort((a, b) => a - b);
  for (const level of levels) {
    const problems = await everyOne(
      members.filter((member) => member.level === level),
      async (member) => startOne(run, member),
    );
    const problem = firstOf(problems);
    if (problem !== null) return problem;
  }
  return null;
}

async function startOne(run: UnitRun, member: PlannedMember): Promise<string | null> {
  const { container, host } = member;
  run.markMember(member, 'starting');
  const waiting = { what: `${container} to be healthy`, host, movedOnBy: `the engine of ${host}, or its deadline` };
  const { problem } = await run.during(waiting, async () =>
    onUnit.startSlotMember.executeWithOptions({ summary: `start ${container} on ${host}` }, [
      { ...slotInput(run), member },
    ]),
  );
  if (problem === null) run.markMember(member, 'healthy');
  else run.markMember(member, 'failed', problem);
  return problem;
}

const atEngine = async <Result>(run: UnitRun, host: HostId, step: () => Promise<Result>): Promise<Result> =>
  run.during({ what: `the engine of ${host}`, host, movedOnBy: `the engine of ${host}` }, step);

const hostsOf = (members: readonly PlannedMember[]): readonly HostId[] => [...new Set(members.map(({ host }) => host))];

const firstOf = (problems: readonly (string | null)[]): string | null =>
  problems.find((problem) => problem !== null) ?? null;

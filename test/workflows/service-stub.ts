import { ApplicationFailure, condition, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { Activities } from '../../activities/activities.ts';
import { parseHostId } from '../../model/ids.ts';
import type { ServiceProgress, ServiceUpgradeInput } from '../../model/service.ts';

export * from '../../workflows/index.ts';

const member = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });
const host = parseHostId('host-1');

/** A service's upgrade of one member, as far as the upgrade of a fleet can see: it hears commands and ends as it is told. */
export async function upgradeService(input: ServiceUpgradeInput): Promise<ServiceProgress> {
  const { fleet, upgrade, service, action } = input;
  const wishes = hear();
  const container = { fleet, upgrade, host, container: service.name };
  if (action === 'putBack') {
    const { outcome } = await member.putBackMember({ ...container, until: 'running' });
    if (outcome === 'stuck') throw failure('UpgradeFailed', 'it is stuck');
    return end(input, { state: 'rolledBack' });
  }
  if (action === 'discardKept') {
    await member.discardKept({ ...container, only: null });
    return end(input, { state: 'succeeded' });
  }
  const replaced = await member.replaceMember({
    ...container,
    ...{ image: input.reference, settings: input.settings, envFile: null, health: input.policy.health },
    ...{ mode: 'inPlace', keepOld: true, until: 'healthy', onFailure: 'putBack' },
  });
  await condition(() => !wishes.isPaused);
  await member.tellMembers({ fleet, upgrade, service: service.name, image: wishes.heard.join(' '), states: [] });
  if (wishes.ending !== 'succeeded') return end(input, { state: wishes.ending });
  if (replaced.outcome === 'alreadyThere') return end(input, { state: 'succeeded', isThere: true });
  if (replaced.outcome === 'putBack') return end(input, { state: 'rolledBack', error: replaced.reason });
  if (replaced.outcome !== 'replaced') throw failure('WrongInput', 'no, never');
  return end(input, { state: 'succeeded' });
}

type Wishes = { isPaused: boolean; ending: 'succeeded' | 'rolledBack' | 'aborted'; readonly heard: string[] };

function hear(): Wishes {
  const wishes: Wishes = { isPaused: false, ending: 'succeeded', heard: [] };
  const on = (name: string, changes: Partial<Wishes>): void =>
    setHandler(defineSignal(name), () => {
      wishes.heard.push(name);
      Object.assign(wishes, changes);
    });
  on('pause', { isPaused: true });
  on('resume', { isPaused: false });
  on('rollback', { ending: 'rolledBack', isPaused: false });
  on('abort', { ending: 'aborted', isPaused: false });
  return wishes;
}

function end(
  { upgrade, fleet, service, image, digest }: ServiceUpgradeInput,
  how: { readonly state: ServiceProgress['state']; readonly error?: string; readonly isThere?: true },
): ServiceProgress {
  const to = how.isThere === true ? null : 'new';
  return {
    ...{ id: upgrade, fleet, service: service.name, image, digest, state: how.state, phase: '1/1' },
    members: [{ host, container: service.name, state: 'Active', stage: null, from: 'old', to, awayMs: 5 }],
    ...{ waiting: [], findings: [], decisions: [], error: how.error ?? null, startedAt: 1, finishedAt: 2 },
  };
}

const failure = (type: string, message: string): ApplicationFailure =>
  ApplicationFailure.create({ type, message, nonRetryable: true });

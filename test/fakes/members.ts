import { cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../../activities/activities.ts';
import type { ContainerInput, MemberActivities } from '../../activities/member-activities.ts';
import { failureTypes } from '../../model/failures.ts';
import type { FleetId, HostId } from '../../model/ids.ts';
import type { HostOutcome } from '../../model/host.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { FakeMember } from './fake-member.ts';
import { whileBeating } from './while-beating.ts';

/** How a fake activity finds its fleet, and fails as that one wants. */
export type On = <Input extends { readonly fleet: FleetId }, Result>(
  name: keyof Activities,
  step: (fleet: FakeFleet, input: Input) => Promise<Result>,
) => (input: Input) => Promise<Result>;

/** The activities on members over containers in memory. */
export function createFakeMemberActivities(on: On): MemberActivities {
  return {
    resolveImage: on('resolveImage', async (_, { image }) => Promise.resolve({ reference: image, digest: null })),
    readContainer: on('readContainer', async (fleet, { host, container }) =>
      Promise.resolve(fleet.members.find(host, container)?.reading() ?? null),
    ),
    pullImage: on('pullImage', async (fleet, { host, image }) => Promise.resolve(fleet.members.pull(host, image))),
    replaceMember: on('replaceMember', async (fleet, input) => {
      await untilLetGo(fleet, input.host);
      return memberOf(fleet, input).replace(input);
    }),
    putBackMember: on('putBackMember', async (fleet, input) => memberOf(fleet, input).goBack(input.until, input.to)),
    discardKept: on('discardKept', async (fleet, input) =>
      Promise.resolve({ removed: memberOf(fleet, input).discard(input.only) }),
    ),
    removePulledImage: on('removePulledImage', async (fleet, { host, image }) => {
      fleet.members.images.delete(`${host} ${image}`);
      return Promise.resolve();
    }),
    findMembers: on('findMembers', async ({ members }, { service }) =>
      Promise.resolve({
        members: members.of(service.name).map((member) => member.found()),
        findings: members.findings,
      }),
    ),
    steerMember: on('steerMember', async (fleet, input) => {
      const member = memberOf(fleet, input);
      member.steer(input.to);
      return Promise.resolve({ sessions: 0, healthy: member.isHealthy() });
    }),
    tellMembers: on('tellMembers', async ({ members }, { states }) => {
      members.tell(states);
      return Promise.resolve();
    }),
    orderMembers: on('orderMembers', async (fleet, input) => {
      fleet.orders.push({ ...input });
      await untilLetGo(fleet, input.host);
      const members = input.containers.map((container) => memberOf(fleet, { ...input, container }));
      return input.action === 'revert' ? takeBack(input.host, members) : obey(input, members);
    }),
  };
}

/** An agent's work: its members one after another; all of them back when one fails. */
async function obey(
  { host, upgrade, release }: Parameters<MemberActivities['orderMembers']>[0],
  members: readonly FakeMember[],
): Promise<HostOutcome> {
  for (const member of members) {
    const image = release.version;
    const outcome = await member.replace({ image, upgrade, until: 'healthy', onFailure: 'putBack', keepOld: true });
    if (outcome.outcome === 'replaced' || outcome.outcome === 'alreadyThere') continue;
    for (const each of members) await each.goBack('running');
    return hostOutcome(host, 'reverted', 'reason' in outcome ? outcome.reason : outcome.outcome);
  }
  return hostOutcome(host, 'done', null);
}

async function takeBack(host: HostId, members: readonly FakeMember[]): Promise<HostOutcome> {
  for (const member of members) await member.goBack('running');
  return hostOutcome(host, 'rolledBack', null);
}

const hostOutcome = (host: HostId, state: HostOutcome['state'], error: string | null): HostOutcome => ({
  ...{ host, state, error, from: null, to: null, step: null, startedAt: null, finishedAt: null },
});

async function untilLetGo(fleet: FakeFleet, host: HostId): Promise<void> {
  if (!fleet.members.held.has(host)) return;
  fleet.changed(`held ${host}`);
  await whileBeating(async () => fleet.until(() => !fleet.members.held.has(host), cancellationSignal()));
}

function memberOf(fleet: FakeFleet, { host, container }: Pick<ContainerInput, 'host' | 'container'>): FakeMember {
  const member = fleet.members.find(host, container);
  if (member !== null) return member;
  const message = `host ${host} has no container ${container}`;
  throw ApplicationFailure.create({ type: failureTypes.wrongInput, message, nonRetryable: true });
}

import { cancellationSignal } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Activities } from '../../activities/activities.ts';
import type { ContainerInput, MemberActivities } from '../../activities/member-activities.ts';
import { failureTypes } from '../../model/failures.ts';
import type { FleetId, HostId } from '../../model/ids.ts';
import type { HostOutcome } from '../../model/host.ts';
import { isAvailable, memberName, type Member, type MemberId } from '../../model/service.ts';
import type { FakeFleet } from './fake-fleet.ts';
import type { FakeMember } from './fake-member.ts';
import { whileBeating } from './while-beating.ts';

/** How a fake activity finds its fleet, and fails as that one wants. */
export type On = <Input extends { readonly fleet: FleetId }, Result>(
  name: keyof Activities,
  step: (fleet: FakeFleet, input: Input) => Promise<Result>,
) => (input: Input) => Promise<Result>;

/** Members of one answer, as many as the real one has with names and images of usual length. */
const MEMBERS_A_PAGE = 30;

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
    findMembers: on('findMembers', async ({ members }, { service, after }) => {
      const all = members.of(service.name).map((member) => member.found());
      const begun = after === null ? 0 : all.findIndex((member) => memberName(member) === memberName(after)) + 1;
      const page = all.slice(begun, begun + MEMBERS_A_PAGE);
      const next = begun + page.length < all.length ? idOf(page.at(-1)) : null;
      const findings = after === null ? members.findings : [];
      return Promise.resolve({ members: page, total: after === null ? all.length : null, next, findings });
    }),
    countMembers: on('countMembers', async ({ members }, { service, apart }) => {
      const names = new Set(apart.map(memberName));
      const available = members
        .of(service.name)
        .map((member) => member.found())
        .filter(isAvailable);
      const named = available.filter((member) => names.has(memberName(member)));
      return Promise.resolve({ available: available.length, apart: named.length });
    }),
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

const idOf = (member: Member | undefined): MemberId | null =>
  member === undefined ? null : { host: member.host, container: member.container };

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

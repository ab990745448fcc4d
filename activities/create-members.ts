import { createCountMembers } from './count-members.ts';
import type { HostLevels } from './host-levels.ts';
import { createFindMembers } from './find-members.ts';
import type { MemberActivities } from './member-activities.ts';
import { createOrderMembers } from './order-members.ts';
import type { Ports } from './ports.ts';
import { createPullImage } from './pull-image.ts';
import { createDiscardKept, createPutBackMember, createRemovePulledImage } from './put-back-member.ts';
import { createReadContainer } from './read-container.ts';
import type { ReleaseCache } from './release-cache.ts';
import { createReplaceMember } from './replace-member.ts';
import { createResolveImage } from './resolve-image.ts';
import { createSteerMember } from './steer-member.ts';
import { createTellMembers } from './tell-members.ts';

/** The activities on single containers and on services' members. */
export function createMemberActivities(
  ports: Ports & { readonly hosts: HostLevels; readonly releases: ReleaseCache },
): MemberActivities {
  return {
    resolveImage: createResolveImage(ports),
    readContainer: createReadContainer(ports),
    pullImage: createPullImage(ports),
    replaceMember: createReplaceMember(ports),
    putBackMember: createPutBackMember(ports),
    discardKept: createDiscardKept(ports),
    removePulledImage: createRemovePulledImage(ports),
    findMembers: createFindMembers(ports),
    countMembers: createCountMembers(ports),
    steerMember: createSteerMember(ports),
    tellMembers: createTellMembers(ports),
    orderMembers: createOrderMembers(ports),
  };
}

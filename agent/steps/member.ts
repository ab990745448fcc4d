import type { ContainerEngine, ContainerState } from '../../model/engine.ts';
import { isStandIn } from '../../model/replacement.ts';
import { SERVICE_LABEL } from '../../model/service.ts';
import type { MemberStep } from '../host-work.ts';
import type { Probed } from '../ports.ts';
import { probeImage } from './container.ts';
import { inPlaceKind } from './in-place.ts';
import type { StepKind } from './kind.ts';

/** A service's member. Its image was pulled before the order. */
export const memberKind = (engine: ContainerEngine): StepKind<MemberStep> =>
  inPlaceKind(engine, {
    aimOf: ({ name, image, settings, health }) => ({
      ...{ container: name, image, base: 'kept', settings, health },
      after: 'asBefore',
    }),
    probe: async (step, { signal }) => {
      const image = await probeImage(engine, step.image, signal);
      return image.ok ? probeMember(step, await engine.inspectContainer(step.name, signal)) : image;
    },
  });

/**
 * An order names containers, and is no authority for that: only those are members that say so by their label, or that have
 * no such label, since the fleet file knows them by another, and an image of the same repository.
 */
function probeMember({ name, service, image }: MemberStep, found: ContainerState | null): Probed {
  // Engines find a container by the beginning of its id as well.
  if (found?.name !== name) return { ok: false, evidence: `there is no container ${name} on this host` };
  if (isStandIn(name)) return { ok: false, evidence: `container ${name} is kept for a way back; it is no member` };
  const label = found.labels[SERVICE_LABEL];
  const isMember = label === undefined ? repositoryOf(found.image) === repositoryOf(image) : label === service;
  if (isMember) return { ok: true, evidence: `${name} is a member of ${service}` };
  const says = label === undefined ? `has no label ${SERVICE_LABEL}, and image ${found.image}` : `is one of ${label}`;
  return { ok: false, evidence: `container ${name} is no member of service ${service}: it ${says}` };
}

/** Without tag and digest; engines say an image as it was named at the container's creation. */
const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { ContainerWish } from '../../../model/engine.ts';
import type { RefusedReplacement, ReplacementOutcome, RestartSetting } from '../../../model/replacement.ts';
import { lookAtImage, type ImageLook } from '../image.ts';
import { readImageConfig, readInspect } from './inspected.ts';
import type { ContainerLook } from './look.ts';
import { ASK_MS, type Site } from './site.ts';
import { wantedFrom, type Wanted } from './wanted.ts';

/** What a replacement is to make, on this engine. */
export type Wish = {
  readonly wanted: Wanted;
  readonly imageId: string;
  /** Of image and configuration: the same wish again finds its own new container by it. */
  readonly digest: string;
  /** The container that it is derived from is so already. */
  readonly isThere: boolean;
  readonly notes: readonly string[];
};
export type Refusal = Extract<ReplacementOutcome, { readonly outcome: 'refused' }>;

/** The container that the new one is derived from. `restart`: as it was before a replacement took it away. */
export type Base = { readonly look: ContainerLook; readonly restart: RestartSetting };

export async function readWish(site: Site, asked: ContainerWish, base: Base | null): Promise<Wish | Refusal> {
  const image = await lookAtImage(site.connection, asked.image, site.signal);
  if (image === null) return refused('image', `image ${asked.image} is not on the engine; pull it there first`);
  const oldImage = base === null ? null : await lookAtImage(site.connection, base.look.imageId, site.signal);
  const foreign = await foreignPlatform(site, image, oldImage);
  if (foreign !== null) return refused('platform', `image ${asked.image} is for ${foreign}`);
  const input = {
    name: asked.container,
    image: { reference: asked.image, config: image.config },
    old:
      base === null ? null : { inspect: readInspect(asBefore(base)), image: oldImage?.config ?? readImageConfig({}) },
    base: asked.base,
  };
  const derived = wantedFrom({ ...input, settings: asked.settings });
  if (!derived.ok) return refused(derived.why, derived.reason);
  const digest = identity(derived.wanted, image);
  const isSameImage = base?.look.imageId === image.id;
  const asIs = isSameImage && asked.base === 'kept' ? wantedFrom({ ...input, settings: {} }) : null;
  return {
    wanted: derived.wanted,
    imageId: image.id,
    digest,
    isThere: asIs?.ok === true && asIs.wanted.digest === derived.wanted.digest,
    notes: [...derived.wanted.notes, ...(base !== null && oldImage === null ? [noOldImage(base.look)] : [])],
  };
}

export const refused = (why: RefusedReplacement, reason: string): Refusal => ({ outcome: 'refused', why, reason });

/** A name may mean another image the next time. */
const identity = ({ digest }: Wanted, { id }: ImageLook): string =>
  createHash('sha256')
    .update(JSON.stringify([id, digest]))
    .digest('hex');

/** As if nothing had happened to it yet. */
function asBefore({ look, restart }: Base): Readonly<Record<string, unknown>> {
  const host = z.looseObject({}).parse(look.raw['HostConfig']);
  const policy = { Name: restart.policy, MaximumRetryCount: restart.retries };
  return { ...look.raw, HostConfig: { ...host, RestartPolicy: policy } };
}

const noOldImage = ({ imageId }: ContainerLook): string =>
  `the old image ${imageId.slice(0, 19)} is gone from the engine: what it defaulted could not be told and was kept`;

/** Another platform than the engine's; null: it fits, or the old container's image is as foreign. */
async function foreignPlatform(site: Site, image: ImageLook, old: ImageLook | null): Promise<string | null> {
  if (old !== null && old.architecture === image.architecture && old.os === image.os) return null;
  const request = { what: 'say its platform', method: 'GET', path: '/version' } as const;
  const answer = await site.connection.ask({ ...request, withinMs: ASK_MS, signal: site.signal });
  const { Arch, Os } = z.object({ Arch: z.string(), Os: z.string() }).parse(answer);
  if (isSame(image.architecture, Arch) && isSame(image.os, Os)) return null;
  return `${image.os}/${image.architecture}, the engine runs ${Os}/${Arch}`;
}

/** An image that does not say is taken at the engine's word. */
const isSame = (said: string, expected: string): boolean => said === '' || said === expected;

import { assert } from '../../../model/assert.ts';
import type { ContainerSettings, RestartSetting } from '../../../model/replacement.ts';
import { carriedOver } from './carried-over.ts';
import { digestOf } from './digest.ts';
import { emptyDraft, toBody, type Draft, type EndpointSettings } from './draft.ts';
import type { ContainerInspect, ImageConfig } from './inspected.ts';
import { laidOver } from './laid-over.ts';
import { refusalOf, type Refusal } from './refusal.ts';

export type WantedInput = {
  /** The container's own name. */
  readonly name: string;
  /** The new image as asked for, and what it gives to its containers. */
  readonly image: { readonly reference: string; readonly config: ImageConfig };
  /** Its restart policy is to be the one from before anything was done. null: there is none. */
  readonly old: { readonly inspect: ContainerInspect; readonly image: ImageConfig } | null;
  /** stated: the old one counts only for whether it can be replaced. */
  readonly base: 'kept' | 'stated';
  readonly settings: ContainerSettings;
};

/** What the new container is to be. */
export type Wanted = {
  /** For the engine's creation: without labels of refit's attempts and restart policy, and with at most one network. */
  readonly body: Readonly<Record<string, unknown>>;
  /** All networks that it must be on in the end, by name. */
  readonly networks: ReadonlyMap<string, EndpointSettings>;
  readonly restart: RestartSetting;
  /** Equal for the same wish. */
  readonly digest: string;
  /** Differences that can't be avoided, for people. */
  readonly notes: readonly string[];
};

export type { EndpointSettings };

export type WantedOutcome = { readonly ok: true; readonly wanted: Wanted } | ({ readonly ok: false } & Refusal);

/**
 * What the new container is created with. Pure.
 *
 * 1. Deriving it again, from the container that was made of it, gives the same digest; unless the new image declares
 *    volumes, since that container has new ones, which are carried over in turn.
 * 2. With `kept`, the digest with settings equals the one without exactly if the settings change nothing. With `stated` it
 *    can only be compared with one of the same base: what an engine fills in is not known here.
 */
export function wantedFrom({ name, image, old, base, settings }: WantedInput): WantedOutcome {
  const refusal = refusalOf(name, old?.inspect ?? null, settings);
  if (refusal !== null) return { ok: false, ...refusal };
  const draft = laidOver(draftOf({ name, old, base, settings }), settings, image.config);
  return {
    ok: true,
    wanted: {
      body: toBody(draft, image.reference),
      networks: new Map(Object.entries(draft.networks)),
      restart: draft.restart,
      digest: digestOf(draft, image),
      notes: draft.notes,
    },
  };
}

function draftOf({ name, old, base, settings }: Omit<WantedInput, 'image'>): Draft {
  if (base === 'stated') return emptyDraft(settings.network ?? 'default');
  assert(old !== null, `nothing to keep: container ${name} is not there`);
  return carriedOver(old.inspect, old.image);
}

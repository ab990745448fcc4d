import type { ContainerSettings, RefusedReplacement, RestartSetting } from '../../../model/replacement.ts';
import type { ContainerInspect, ImageConfig } from './inspected.ts';

export type WantedInput = {
  /** The container's own name. */
  readonly name: string;
  /** The new image as asked for, and what it gives to its containers. */
  readonly image: { readonly reference: string; readonly config: ImageConfig };
  /** null: there is none. */
  readonly old: { readonly inspect: ContainerInspect; readonly image: ImageConfig } | null;
  readonly base: 'kept' | 'stated';
  readonly settings: ContainerSettings;
};

/** What the new container is to be. */
export type Wanted = {
  /** For the engine's creation: without refit's labels and restart policy, and with at most one network. */
  readonly body: Readonly<Record<string, unknown>>;
  /** All networks that it must be on in the end, by name. */
  readonly networks: ReadonlyMap<string, EndpointSettings>;
  readonly restart: RestartSetting;
  /** Equal for the same wish. */
  readonly digest: string;
  /** Differences that can't be avoided, for people. */
  readonly notes: readonly string[];
};

/** How a container is connected to a network, in the engine's words. */
export type EndpointSettings = Readonly<Record<string, unknown>>;

export type WantedOutcome =
  | { readonly ok: true; readonly wanted: Wanted }
  | { readonly ok: false; readonly why: RefusedReplacement; readonly reason: string };

/** What the new container is created with. Pure; deriving it again from what was created gives the same digest. */
export function wantedFrom(input: WantedInput): WantedOutcome {
  return { ok: false, why: 'settings', reason: `${input.name} can't be derived yet` };
}

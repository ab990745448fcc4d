import type { FastifyRequest } from 'fastify';
import { assert } from '../../../model/assert.ts';
import type { Digest, UpgradeId } from '../../../model/ids.ts';
import type { ReadRelease } from '../../../model/registry.ts';
import type { CommandOutcome } from '../../command-upgrade.ts';
import { WrongInput, type FleetClient } from '../../fleet-client.ts';
import { openRelease } from '../../open-release.ts';
import { nameOfRequest } from '../../run-name.ts';
import type { HttpProblem } from '../problem.ts';
import { problemOf } from '../problem-answer.ts';

/** Who asks what fleet. */
export type Asked = {
  readonly client: FleetClient;
  /** As it stands in `requestedBy` and in decisions. */
  readonly by: string;
  /** null: nothing tells a repeated request from a new one. */
  readonly key: string | null;
  /** `/v1/fleets/lab`. */
  readonly root: string;
};

/** Of a route below a fleet. */
export function askedOf({ identity, fleetClient, requestKey }: FastifyRequest): Asked {
  assert(identity !== null && fleetClient !== null, 'somebody asks, of a fleet');
  return { client: fleetClient, by: identity.name, key: requestKey, root: fleetHref(fleetClient.fleet) };
}

export const fleetHref = (fleet: string): string => `/v1/fleets/${fleet}`;

/** Of a command. A repeated request is the same update to Temporal, which takes it once. */
export const speakerOf = ({ by, key }: Asked): { readonly by: string; readonly updateId?: string } => ({
  by,
  ...(key !== null && { updateId: key }),
});

/** The name that was given, else the request's own; absent: neither, whoever starts it names it. */
export function idOf(given: UpgradeId | undefined, { key }: Asked, whose: string): { readonly id?: UpgradeId } {
  if (given !== undefined) return { id: given };
  return key === null ? {} : { id: nameOfRequest(whose, key) };
}

/** Reads the release as the command line does. Throws WrongInput when it means another image by now. */
export async function openAsked(
  { client }: Asked,
  { reference, digest }: { readonly reference: string; readonly digest?: Digest | undefined },
): Promise<ReadRelease> {
  const read = await openRelease(client, reference);
  if (digest === undefined || digest === read.ref.digest) return read;
  throw new WrongInput('digest', `${reference} means ${read.ref.digest} now, not ${digest}; nothing was changed`);
}

/** refused: nothing has changed. */
export function answerCommand(outcome: CommandOutcome): { readonly message: string } {
  if (outcome.outcome === 'refused') throw conflict(outcome.because);
  return { message: outcome.message };
}

/** What is asked for makes sense, but not now. */
export const conflict = (detail: string, field?: string): HttpProblem =>
  problemOf(409, detail, { errors: field === undefined ? [] : [{ field, reason: detail }] });

export const notFound = (detail: string): HttpProblem => problemOf(404, detail);

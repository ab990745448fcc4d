import { cancellationSignal } from '@temporalio/activity';
import { parseDigest } from '../model/ids.ts';
import { RegistryError } from '../model/registry.ts';
import { whileBeating } from './beating.ts';
import { messageOf, wrongInput } from './failure.ts';
import type { MemberActivities, ResolvedMemberImage, ResolveImageInput } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import { inParallel } from './parallel.ts';
import type { Ports } from './ports.ts';

/** Engines that are asked for an image at the same time. */
const MAX_PARALLEL = 16;

type ImagePorts = Pick<Ports, 'registry' | 'engine' | 'loadFleet'>;

/**
 * Idempotent: reads.
 *
 * 1. A name with a digest means just that.
 * 2. A name with a registry in it means what that registry says now; the tag stays in the reference, for people.
 * 3. A name without a registry, an id, or one that its registry does not know or can't be asked for: the image that the
 *    hosts have under it, if it is the same on all of them.
 */
export function createResolveImage(ports: ImagePorts): MemberActivities['resolveImage'] {
  return async (input) =>
    whileBeating(
      () => ({ image: input.image }),
      async () => resolve(ports, input, cancellationSignal()),
    );
}

async function resolve(ports: ImagePorts, input: ResolveImageInput, signal: AbortSignal): Promise<ResolvedMemberImage> {
  const { image } = input;
  if (!namesRegistry(image)) {
    const local = await findOnHosts(ports, input, signal);
    if (local.reference !== null) return { reference: local.reference, digest: null };
    throw wrongInput(`image ${image} ${local.problem}, and its name has no registry; ${howToName(image)}`);
  }
  const at = image.lastIndexOf('@');
  if (at > 0) return { reference: image, digest: readDigest(image, image.slice(at + 1)) };
  try {
    return await askRegistry(ports, hasTag(image) ? image : `${image}:latest`, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RegistryError)) throw error;
    const local = await findOnHosts(ports, input, signal);
    if (local.reference !== null) return { reference: local.reference, digest: null };
    if (error.kind === 'unreachable') throw error;
    throw wrongInput(`${error.message}; and image ${image} ${local.problem}`, error);
  }
}

async function askRegistry(
  { registry }: ImagePorts,
  tagged: string,
  signal: AbortSignal,
): Promise<ResolvedMemberImage> {
  const { digest } = await registry.resolve(tagged, signal);
  return { reference: `${tagged}@${digest}`, digest };
}

/** An engine that can't be asked is no answer: it is thrown, and asked again. */
async function findOnHosts(
  ports: ImagePorts,
  { fleet, image, hosts }: ResolveImageInput,
  signal: AbortSignal,
): Promise<{ readonly reference: string } | { readonly reference: null; readonly problem: string }> {
  const found = await inParallel(hosts, MAX_PARALLEL, async (host) => {
    const has = await engineOf(ports, { fleet, host }).inspectImage(image, signal);
    return { host, id: has?.id ?? null };
  });
  const [first] = found;
  const lacking = found.filter(({ id }) => id === null).map(({ host }) => host);
  if (lacking.length > 0) return { reference: null, problem: `is not on ${lacking.join(', ')}` };
  if (first?.id == null) return { reference: null, problem: 'is on no host' };
  const other = found.find(({ id }) => id !== first.id);
  if (other === undefined) return { reference: first.id };
  return { reference: null, problem: `is another one on ${first.host} than on ${other.host}` };
}

/** As engines tell it: the first part is a host's name if it has a dot or a port in it, or is this machine. */
const namesRegistry = (image: string): boolean => /^(localhost|[^/]*[.:][^/]*)\//.test(image);
const hasTag = (image: string): boolean => /:[^/]+$/.test(image);

const howToName = (image: string): string =>
  /^(sha256:)?[0-9a-f]{12,64}$/.test(image)
    ? 'give an image by the name that its registry has for it'
    : `write docker.io/${image.includes('/') ? image : `library/${image}`} for Docker Hub's`;

function readDigest(image: string, digest: string): ResolvedMemberImage['digest'] {
  try {
    return parseDigest(digest);
  } catch (error) {
    throw wrongInput(`image ${image}: ${messageOf(error)}`);
  }
}

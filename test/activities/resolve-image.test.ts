import { afterEach, describe, expect, it } from 'vitest';
import type { ResolveImageInput } from '../../activities/member-activities.ts';
import { failureTypes } from '../../model/failures.ts';
import { parseHostId } from '../../model/ids.ts';
import { RegistryError, type RegistryFailure } from '../../model/registry.ts';
import { imageIdOf } from '../fakes/engine.ts';
import { digestOf } from '../fakes/release.ts';
import { perform, run, startHarness, type Harness } from './harness.ts';

const REPOSITORY = 'registry.lab:5000/team/web';
let harness: Harness | null = null;
afterEach(() => harness?.close());

type Resolving = Harness & { readonly asked: string[]; readonly input: (image: string) => ResolveImageInput };

/** Two hosts, and a registry that means digest d by every tag; what it was asked for is in `asked`. */
function start(): Resolving {
  const started = (harness = startHarness(2));
  const asked: string[] = [];
  started.registry.resolve = (reference) => {
    asked.push(reference);
    return { repository: REPOSITORY, digest: digestOf('d') };
  };
  return { ...started, asked, input: (image) => ({ ...run, image, hosts: started.hosts }) };
}

const failing = (kind: RegistryFailure): (() => never) => {
  return () => {
    throw new RegistryError(kind, `registry.lab:5000 says ${kind}`);
  };
};

const wrongInput = (message: RegExp): unknown =>
  expect.objectContaining({ type: failureTypes.wrongInput, message: expect.stringMatching(message) as string });

describe('what an image name means', () => {
  it('a digest means itself, and nobody is asked', async () => {
    const { activities, asked, input } = start();
    const image = `${REPOSITORY}@${digestOf('a')}`;

    expect(await perform(activities.resolveImage, input(image))).toEqual({ reference: image, digest: digestOf('a') });
    expect(asked).toEqual([]);
  });

  it.each([
    [`${REPOSITORY}:2.0`, `${REPOSITORY}:2.0`],
    [REPOSITORY, `${REPOSITORY}:latest`],
    ['localhost/web', 'localhost/web:latest'],
  ])('%s means what the registry says of %s, and keeps the tag for people', async (image, tagged) => {
    const { activities, asked, input } = start();

    const resolved = await perform(activities.resolveImage, input(image));

    expect(resolved).toEqual({ reference: `${tagged}@${digestOf('d')}`, digest: digestOf('d') });
    expect(asked).toEqual([tagged]);
  });

  it('a digest that is none is refused', async () => {
    const { activities, input } = start();

    await expect(perform(activities.resolveImage, input(`${REPOSITORY}@sha256:12`))).rejects.toEqual(
      wrongInput(/web@sha256:12: expected a digest/),
    );
  });

  const local: readonly [image: string][] = [['web:2.0'], ['team/web:2.0'], [imageIdOf('web:2.0')]];
  it.each(local)('%s names no registry: it is the image that all hosts have', async (image) => {
    const { activities, asked, input, engines } = start();
    for (const engine of engines.values()) engine.images.add(image.startsWith('sha256:') ? 'web:2.0' : image);

    const resolved = await perform(activities.resolveImage, input(image));

    const id = image.startsWith('sha256:') ? image : imageIdOf(image);
    expect(resolved).toEqual({ reference: id, digest: null });
    expect(asked).toEqual([]);
  });

  it('an image without a registry that one host lacks is refused, naming the host and what to write', async () => {
    const { activities, input, engine } = start();
    engine(0).images.add('postgres:16');

    await expect(perform(activities.resolveImage, input('postgres:16'))).rejects.toEqual(
      wrongInput(/postgres:16 is not on host-2, .* write docker.io\/library\/postgres:16 for Docker Hub's/),
    );
  });

  it.each(['notFound', 'unreachable', 'refused'] as const)(
    'a registry that says %s does not matter when all hosts have the image',
    async (kind) => {
      const { activities, input, engines, registry } = start();
      const image = `${REPOSITORY}:built-here`;
      for (const engine of engines.values()) engine.images.add(image);
      registry.resolve = failing(kind);

      expect(await perform(activities.resolveImage, input(image))).toEqual({
        reference: imageIdOf(image),
        digest: null,
      });
    },
  );

  it.each(['notFound', 'refused'] as const)(
    'a registry that says %s of what no host has is wrong input',
    async (kind) => {
      const { activities, input, registry } = start();
      registry.resolve = failing(kind);

      await expect(perform(activities.resolveImage, input(`${REPOSITORY}:none`))).rejects.toEqual(
        wrongInput(new RegExp(`says ${kind}; and image .*:none is not on host-1, host-2`)),
      );
    },
  );

  it('a registry that is away is asked again, and not taken for a wrong name', async () => {
    const { activities, input, registry } = start();
    registry.resolve = failing('unreachable');

    await expect(perform(activities.resolveImage, input(`${REPOSITORY}:2.0`))).rejects.toBeInstanceOf(RegistryError);
  });

  it('images of one name that differ from host to host are refused', async () => {
    const { activities, input, engines } = start();
    let count = 0;
    for (const engine of engines.values()) {
      const id = `sha256:${String((count += 1)).repeat(64)}`;
      engine.inspectImage = async () => Promise.resolve({ id, architecture: 'amd64', os: 'linux' });
    }

    await expect(perform(activities.resolveImage, input('web:2.0'))).rejects.toEqual(
      wrongInput(/web:2.0 is another one on host-1 than on host-2/),
    );
  });

  it('a host that the fleet does not have is refused, with those that it has', async () => {
    const { activities, input } = start();

    await expect(
      perform(activities.resolveImage, { ...input('web:2.0'), hosts: [parseHostId('host-9')] }),
    ).rejects.toEqual(wrongInput(/no host host-9 in fleet lab; its hosts are host-1, host-2$/));
  });
});

import { EngineError, type ContainerSpec } from '../../model/engine.ts';
import { isOwnLabel } from '../../model/replacement.ts';
import { unitLabels } from '../../model/unit.ts';
import type { FakeContainer, FakeContainers } from './containers.ts';

type Labels = Readonly<Record<string, string>>;
type Creation = {
  readonly spec: ContainerSpec;
  /** null: the engine does not have it. */
  readonly imageId: string | null;
};

/** By the real engine's rule: the same is adopted, refit's own of another wish makes room, anybody else's is a conflict. */
export function createIn(
  containers: FakeContainers,
  { spec, imageId }: Creation,
): { readonly container: FakeContainer; readonly adopted: boolean } {
  const { name, image, labels, network } = spec;
  const found = containers.find(name);
  if (found !== null && imageId === found.imageId && hasAll(found.labels, labels))
    return { container: found, adopted: true };
  if (found !== null && !makesRoom(found.labels, labels))
    throw new EngineError('conflict', `the name ${name} is in use by somebody else's container`);
  if (imageId === null) throw new EngineError('notFound', `no such image: ${image}`);
  if (found !== null) containers.remove(found.id);
  const container = containers.add({
    ...{ name, image, imageId, labels, spec, running: false, wasTried: false },
    restart: { policy: spec.restart, retries: 0 },
    networks: new Map([[network === 'default' ? 'bridge' : network, []]]),
  });
  return { container, adopted: false };
}

const hasAll = (found: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => found[name] === value);

function makesRoom(found: Labels, wanted: Labels): boolean {
  const units = [found, wanted].map((labels) => labels[unitLabels.unit]);
  if (units.some((unit) => unit !== undefined)) return units[0] === units[1];
  return Object.keys(found).some(isOwnLabel);
}

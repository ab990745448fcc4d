import { cancellationSignal } from '@temporalio/activity';
import type { ContainerSummary, Engine } from '../model/engine.ts';
import { isName, parseUpgradeId, type UpgradeId } from '../model/ids.ts';
import { memoryLabels, standInOf, workLabels } from '../model/replacement.ts';
import { whileBeating } from './beating.ts';
import type { ContainerReading, MemberActivities } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';

/** Idempotent: reads. A container that a broken-off upgrade has set aside is read where it is. */
export function createReadContainer(ports: Pick<Ports, 'engine' | 'loadFleet'>): MemberActivities['readContainer'] {
  return async (input) =>
    whileBeating(
      () => ({ host: input.host, container: input.container }),
      async () => read(engineOf(ports, input), input.container, cancellationSignal()),
    );
}

async function read(engine: Engine, container: string, signal: AbortSignal): Promise<ContainerReading | null> {
  const all = await engine.listContainers({}, signal);
  const standIns = all.filter(({ name }) => standInOf(name)?.container === container);
  const aside = standIns.find(({ name }) => standInOf(name)?.as === 'old');
  const found = all.find(({ name }) => name === container) ?? aside ?? null;
  if (found === null) return null;
  const { running, image, imageId, labels } = found;
  const upgrade = readUpgrade(labels);
  return {
    ...{ running, image, imageId, upgrade },
    previousImageId: upgrade === null ? null : previousImageId(labels),
    kept: keptOf(found, standIns),
  };
}

/** Each new container names the one that it replaced, so the chain of names is from the latest to the first. */
function keptOf(container: ContainerSummary, standIns: readonly ContainerSummary[]): readonly string[] {
  const kept = new Map(
    standIns.filter(({ name }) => standInOf(name)?.as === 'kept').map((standIn) => [standIn.id, standIn]),
  );
  const chain: string[] = [];
  let next = kept.get(container.labels[memoryLabels.replaces] ?? '');
  while (next !== undefined && kept.delete(next.id)) {
    chain.push(next.id);
    next = kept.get(next.labels[memoryLabels.replaces] ?? '');
  }
  return [...chain, ...kept.keys()];
}

function readUpgrade(labels: ContainerSummary['labels']): UpgradeId | null {
  const name = labels[workLabels.upgrade];
  return name === undefined || !isName(name) ? null : parseUpgradeId(name);
}

/** Anybody may write labels: what can't be read tells nothing. */
function previousImageId(labels: ContainerSummary['labels']): string | null {
  try {
    const was: unknown = JSON.parse(labels[memoryLabels.was] ?? 'null');
    if (typeof was !== 'object' || was === null || !('imageId' in was)) return null;
    return typeof was.imageId === 'string' && was.imageId !== '' ? was.imageId : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

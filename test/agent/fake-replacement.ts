import type { ContainerSpec, ContainerWish } from '../../model/engine.ts';
import { isOnWayBack, nextMove, nextMoveBack, type Move, type SeenReplacement } from '../../model/replacement-move.ts';
import {
  asideName,
  freshName,
  isOwnLabel,
  keptName,
  memoryLabels,
  type PutBack,
  type PutBackOutcome,
  type Replacement,
  type ReplacementOutcome,
  type RestartSetting,
  type Was,
} from '../../model/replacement.ts';
import type { FakeContainer, FakeEngine } from './fake-engine.ts';

/** More moves than any replacement has. */
const MAX_MOVES = 40;

/** Replaces by the rules of the real executor, in the small: networks, health and most refusals are the real one's. */
export async function replace(engine: FakeEngine, asked: Replacement): Promise<ReplacementOutcome> {
  const { container, base, keepOld, until } = asked;
  const place = engine.find(container);
  let fresh = halfWay(engine, container);
  if (fresh === null && place !== null && isAsWished(place, asked)) return { outcome: 'alreadyThere', id: place.id };
  if (fresh === null && place === null && base === 'kept')
    return { outcome: 'refused', why: 'notFound', reason: `there is no container ${container}` };
  let isHealthy = false;
  for (let count = 0; count < MAX_MOVES; count += 1) {
    const seen = see(engine, container, fresh);
    if (isOnWayBack(seen)) return goBack(engine, container, fresh);
    const move = nextMove(seen, { until, keepOld, isHealthy });
    if (move.move === 'end') break;
    if (move.move === 'check') {
      // One that runs is healthy here.
      if (seen.fresh?.running !== true) return goBack(engine, container, fresh);
      isHealthy = true;
    } else if (move.move === 'create') fresh = await create(engine, asked, place);
    else await perform(engine, container, move);
  }
  const id = engine.find(container)?.id ?? '';
  return { outcome: 'replaced', id, previous: null, awayMs: 0, notes: [] };
}

export async function putBack(engine: FakeEngine, { container, to }: PutBack): Promise<PutBackOutcome> {
  const place = engine.find(container);
  const isKept = place !== null && oldOf(engine, place)?.name === keptName(container, replacesOf(place));
  const under = halfWay(engine, container);
  if (under === null && to !== undefined && place?.id === to)
    return { outcome: 'putBack', id: to, imageId: place.image };
  const id = under ?? (isKept ? place.id : null);
  const fresh = id === null ? null : engine.find(id);
  if (fresh === null || (to !== undefined && replacesOf(fresh) !== to))
    return { outcome: 'nothingKept', reason: `nothing of ${container} is kept` };
  await goBack(engine, container, fresh.id);
  const back = engine.find(container);
  return { outcome: 'putBack', id: back?.id ?? '', imageId: back?.image ?? '' };
}

export function isAsWished(found: FakeContainer, wish: ContainerWish): boolean {
  const { labels, ...wished } = wishedOf(wish, found);
  const isLabelled = Object.entries(labels).every(([label, value]) => found.labels[label] === value);
  const { image, command, env, ports, volumes, network, restart } = found;
  return (
    isLabelled && JSON.stringify({ image, command, env, ports, volumes, network, restart }) === JSON.stringify(wished)
  );
}

async function goBack(engine: FakeEngine, container: string, fresh: string | null): Promise<ReplacementOutcome> {
  for (let count = 0; count < MAX_MOVES; count += 1) {
    const move = nextMoveBack(see(engine, container, fresh), { until: 'running' });
    if (move.move === 'end') break;
    await perform(engine, container, move);
  }
  return { outcome: 'putBack', reason: `container ${container} did not stay up: exited, exit code 1` };
}

/** Id of a new container that is under way. */
function halfWay(engine: FakeEngine, container: string): string | null {
  const waiting = engine.find(freshName(container));
  if (waiting !== null) return waiting.id;
  const place = engine.find(container);
  if (place === null) return null;
  return oldOf(engine, place)?.name === asideName(container, replacesOf(place)) ? place.id : null;
}

function see(engine: FakeEngine, container: string, freshId: string | null): SeenReplacement {
  const fresh = freshId === null ? null : engine.find(freshId);
  const old = fresh === null ? engine.find(container) : oldOf(engine, fresh);
  const restart = settingOf(fresh?.restart ?? 'no');
  return {
    old: old === null ? null : seen(container, old),
    fresh: fresh === null ? null : { ...seen(container, fresh), was: wasOf(fresh), isWired: true },
    restart,
  };
}

function seen(
  container: string,
  { id, name, status, restartPolicy }: FakeContainer,
): NonNullable<SeenReplacement['old']> {
  const at =
    name === container
      ? 'place'
      : name === freshName(container)
        ? 'fresh'
        : name === asideName(container, id)
          ? 'aside'
          : 'kept';
  return { id, at, running: status === 'running', wasTried: status !== 'created', restart: settingOf(restartPolicy) };
}

async function create(engine: FakeEngine, asked: Replacement, old: FakeContainer | null): Promise<string> {
  const was: Was = {
    running: old === null || old.status === 'running',
    restart: settingOf(old?.restartPolicy ?? 'no'),
    imageId: old?.image ?? '',
  };
  const wished = wishedOf(asked, old);
  const memory = {
    [memoryLabels.config]: JSON.stringify(wished),
    [memoryLabels.replaces]: old?.id ?? '',
    [memoryLabels.was]: JSON.stringify(was),
  };
  const labels = { ...wished.labels, ...asked.labels, ...memory };
  const { id } = await engine.createContainer({ ...wished, name: freshName(asked.container), labels });
  return id;
}

function perform(engine: FakeEngine, container: string, move: Move): Promise<void> {
  switch (move.move) {
    case 'rename': {
      const { id } = move;
      const names = {
        place: container,
        fresh: freshName(container),
        aside: asideName(container, id),
        kept: keptName(container, id),
      };
      return engine.renameContainer(id, names[move.to]);
    }
    case 'stop':
      return engine.stopContainer(move.id);
    case 'setRestart':
      return engine.setRestartPolicy(move.id, move.restart.policy);
    case 'start':
      return engine.startContainer(move.id);
    case 'remove':
      return engine.removeContainer(move.id);
    default:
      return Promise.resolve();
  }
}

type Wished = Omit<ContainerSpec, 'name'>;

function wishedOf({ image, base, settings }: ContainerWish, old: FakeContainer | null): Wished {
  const kept = base === 'kept' ? old : null;
  const { command = [], env = {}, labels = {}, ports = [], volumes = [], network, restart } = settings;
  const own = Object.entries(kept?.labels ?? {}).filter(([label]) => !isOwnLabel(label));
  return {
    image,
    command: command.length > 0 ? command : (kept?.command ?? []),
    env: { ...kept?.env, ...env },
    ports: kept === null ? ports : [...kept.ports, ...ports.filter((port) => !kept.ports.includes(port))],
    volumes: kept === null ? volumes : [...kept.volumes, ...volumes.filter((one) => !kept.volumes.includes(one))],
    network: network ?? kept?.network ?? 'bridge',
    restart: restart ?? kept?.restart ?? 'no',
    labels: { ...Object.fromEntries(own), ...labels },
  };
}

const replacesOf = ({ labels }: FakeContainer): string => labels[memoryLabels.replaces] ?? '';
const oldOf = (engine: FakeEngine, fresh: FakeContainer): FakeContainer | null => engine.find(replacesOf(fresh));
/** A parser's cast: the label is this file's own. */
const wasOf = ({ labels }: FakeContainer): Was => JSON.parse(labels[memoryLabels.was] ?? '{}') as Was;
const settingOf = (policy: RestartSetting['policy']): RestartSetting => ({ policy, retries: 0 });

import type { ContainerFile, ContainerSpec, ContainerState, ContainerWish } from '../../model/engine.ts';
import { isOnWayBack, nextMove, nextMoveBack, type Move, type SeenReplacement } from '../../model/replacement-move.ts';
import {
  asideName,
  freshName,
  keptName,
  memoryLabels,
  type PutBack,
  type PutBackOutcome,
  type RefusedReplacement,
  type Replacement,
  type ReplacementOutcome,
  type ReplacementStage,
  type RestartSetting,
  type Was,
  workLabels,
} from '../../model/replacement.ts';

export type FakeContainer = {
  readonly id: string;
  name: string;
  readonly image: string;
  readonly imageId: string;
  running: boolean;
  wasTried: boolean;
  restart: RestartSetting;
  readonly labels: Readonly<Record<string, string>>;
  exitCode: number;
  /** As it was created by itself; null: it was there, or took another's place. */
  readonly spec: ContainerSpec | null;
  /** Its aliases in each network. */
  readonly networks: Map<string, readonly string[]>;
  /** Those that were put into it, by path. */
  readonly files: Map<string, ContainerFile>;
};

/** How long every replacement of this fake takes its container away; ms. */
export const FAKE_AWAY_MS = 100;

/** More moves than any way has. */
const MAX_MOVES = 40;
const ALWAYS: RestartSetting = { policy: 'always', retries: 0 };
const NO_RESTART: RestartSetting = { policy: 'no', retries: 0 };
const STAGES = {
  create: 'creating',
  wire: 'creating',
  rename: 'stopping',
  stop: 'stopping',
  setRestart: 'finishing',
  start: 'starting',
  check: 'checking',
  remove: 'finishing',
  end: 'finishing',
} as const satisfies Record<Move['move'], ReplacementStage['stage']>;

/** Containers of an engine that are replaced, put back and kept as the real ones are, by the same moves. */
export class FakeContainers {
  readonly #containers = new Map<string, FakeContainer>();
  readonly #sick = new Map<string, string>();
  #created = 0;
  #nextFailure: string | null = null;
  #nextRefusal: RefusedReplacement | null = null;
  #nextBreak: Move['move'] | null = null;

  /** What the next new container dies of. */
  failNext(reason: string): void {
    this.#nextFailure = reason;
  }

  refuseNext(why: RefusedReplacement): void {
    this.#nextRefusal = why;
  }

  /** The next replacement or way back is cut off before that move. */
  breakNext(move: Move['move']): void {
    this.#nextBreak = move;
  }

  add(container: Pick<FakeContainer, 'name' | 'image' | 'imageId'> & Partial<FakeContainer>): FakeContainer {
    this.#created += 1;
    const id = this.#created.toString(16).padStart(64, '0').split('').reverse().join('');
    const state = { running: true, wasTried: true, restart: ALWAYS, labels: {}, exitCode: 0, spec: null };
    const added = { id, ...state, networks: new Map(), files: new Map(), ...container };
    this.#containers.set(id, added);
    return added;
  }

  /** The container of that name is unwell from here on, also one that comes later; null: it is well again. */
  sicken(name: string, reason: string | null): void {
    if (reason === null) this.#sick.delete(name);
    else this.#sick.set(name, reason);
  }

  sicknessOf({ name }: Pick<FakeContainer, 'name'>): string | null {
    return this.#sick.get(name) ?? null;
  }

  /** It ends by itself. */
  end(name: string, exitCode: number): void {
    const found = this.find(name);
    if (found === null) throw new Error(`no container ${name}`);
    found.running = false;
    found.exitCode = exitCode;
  }

  remove(id: string): void {
    this.#containers.delete(id);
  }

  stateOf(one: FakeContainer): ContainerState {
    const { id, name, image, imageId, running, labels, exitCode, restart, wasTried } = one;
    const health = running && this.#sick.has(name) ? 'unhealthy' : 'none';
    const status = running ? 'running' : wasTried ? 'exited' : 'created';
    const state = { status, exitCode, health, restartPolicy: restart.policy, startedAt: '', raw: {} } as const;
    return { id, name, image, imageId, running, labels, ...state };
  }

  find(nameOrId: string): FakeContainer | null {
    return this.#containers.get(nameOrId) ?? this.all().find(({ name }) => name === nameOrId) ?? null;
  }

  all(): readonly FakeContainer[] {
    return [...this.#containers.values()];
  }

  replace(replacement: Replacement, imageId: string | null): ReplacementOutcome {
    const { container, settings, base } = replacement;
    const refusal = this.#nextRefusal;
    this.#nextRefusal = null;
    if (refusal !== null) return refused(refusal, `container ${container}: refused as told`);
    if (imageId === null) return refused('image', `image ${replacement.image} is not on the engine`);
    const place = this.find(container);
    const config = configOf(imageId, replacement);
    const half = this.#half(container);
    if (half !== null && half.fresh.labels[memoryLabels.config] !== config) {
      if (half.old?.name !== container)
        return refused('unfinished', `container ${container}: another upgrade is half-way`);
      this.#containers.delete(half.fresh.id);
    } else if (half === null && place === null && base === 'kept') {
      return refused('notFound', `container ${container} is not there`);
    } else if (half === null && place !== null && isAsWished(place, { imageId, config, settings })) {
      return { outcome: 'alreadyThere', id: place.id };
    }
    return this.#go(replacement, { imageId, config });
  }

  compare({ container, settings, base }: ContainerWish, imageId: string | null): 'same' | 'different' | 'absent' {
    const place = this.find(container);
    if (place === null) return 'absent';
    if (imageId === null) return 'different';
    return isAsWished(place, { imageId, settings, config: configOf(imageId, { settings, base }) })
      ? 'same'
      : 'different';
  }

  putBack({ container, until, to }: PutBack): PutBackOutcome {
    const place = this.find(container);
    if (to !== undefined && place?.id === to && this.#half(container) === null)
      return { outcome: 'putBack', id: place.id, imageId: place.imageId };
    const half = this.#half(container) ?? (place === null ? null : this.#replacedBy(container, place));
    const old = half?.old ?? null;
    if (half === null || old === null || (to !== undefined && old.id !== to)) {
      return { outcome: 'nothingKept', reason: `container ${container}: nothing is kept` };
    }
    const move = this.#goBack(container, half, until);
    if (until === 'stopped' && move === 'end' && this.#containers.has(half.fresh.id)) return { outcome: 'stopped' };
    return { outcome: 'putBack', id: old.id, imageId: old.imageId };
  }

  discardKept(container: string, only: string | null): number {
    const kept = this.all().filter(({ id, name }) => name === keptName(container, id) && (only ?? id) === id);
    for (const { id } of kept) this.#containers.delete(id);
    return kept.length;
  }

  #go(replacement: Replacement, wish: { readonly imageId: string; readonly config: string }): ReplacementOutcome {
    const { container, until, keepOld, onFailure } = replacement;
    const before = this.#half(container)?.old ?? this.find(container);
    let isHealthy = false;
    let failed = replacement.failed;
    for (let moves = 0; moves < MAX_MOVES; moves += 1) {
      const half = this.#half(container) ?? this.#started(container, wish.config);
      if (half !== null && isOnWayBack(this.#see(container, half))) failed ??= 'it failed before';
      if (failed !== null) {
        replacement.onStage?.({ stage: 'failed', reason: failed });
        if (onFailure === 'leave') return { outcome: 'failed', reason: failed };
        if (half !== null) this.#goBack(container, half, 'running');
        return { outcome: 'putBack', reason: failed };
      }
      const seen = half === null ? { old: null, fresh: null, restart: NO_RESTART } : this.#see(container, half);
      const move = nextMove(seen, { until, keepOld, isHealthy });
      const { move: name } = move;
      replacement.onStage?.({ stage: STAGES[name] });
      this.#breakBefore(name);
      if (name === 'end') return this.#ended(replacement, before);
      if (name === 'create') this.#create(replacement, { ...wish, old: before });
      else if (name === 'check') {
        failed = this.#nextFailure;
        this.#nextFailure = null;
        isHealthy = failed === null;
      } else this.#do(container, move);
    }
    throw new Error(`container ${container}: more than ${MAX_MOVES} moves`);
  }

  #goBack(container: string, half: Half, until: PutBack['until']): Move['move'] {
    for (let moves = 0; moves < MAX_MOVES; moves += 1) {
      if (!this.#containers.has(half.fresh.id)) return 'end';
      const move = nextMoveBack(this.#see(container, half), { until });
      this.#breakBefore(move.move);
      if (move.move === 'end') return 'end';
      this.#do(container, move);
    }
    throw new Error(`container ${container}: more than ${MAX_MOVES} moves back`);
  }

  #create(
    { container, image, settings, labels }: Replacement,
    { imageId, config, old }: { readonly imageId: string; readonly config: string; readonly old: FakeContainer | null },
  ): void {
    const was: Was = {
      running: old?.running ?? true,
      restart: old?.restart ?? NO_RESTART,
      imageId: old?.imageId ?? '',
    };
    const memory = {
      [memoryLabels.config]: config,
      [memoryLabels.replaces]: old?.id ?? '',
      [memoryLabels.was]: JSON.stringify(was),
    };
    this.add({
      name: freshName(container),
      image,
      imageId,
      running: false,
      wasTried: false,
      restart: NO_RESTART,
      labels: { ...userLabels(old), ...settings.labels, ...labels, ...memory },
    });
  }

  #do(container: string, move: Move): void {
    if (!('id' in move)) return;
    const found = this.#containers.get(move.id);
    if (found === undefined) throw new Error(`no container ${move.id}`);
    if (move.move === 'rename') found.name = nameAt(container, move.id, move.to);
    if (move.move === 'stop') found.running = false;
    if (move.move === 'setRestart') found.restart = move.restart;
    if (move.move === 'remove') this.#containers.delete(move.id);
    if (move.move === 'start') {
      found.running = true;
      found.wasTried = true;
    }
  }

  #ended({ container, until }: Replacement, before: FakeContainer | null): ReplacementOutcome {
    const id = (this.find(container) ?? this.find(freshName(container)))?.id ?? '';
    const left = before === null ? undefined : this.#containers.get(before.id);
    const previous =
      before === null
        ? null
        : { id: before.id, imageId: before.imageId, keptAs: left === undefined ? null : left.name };
    if (until === 'stopped') return { outcome: 'stopped', id, previous };
    return { outcome: 'replaced', id, previous, awayMs: before === null ? null : FAKE_AWAY_MS, notes: [] };
  }

  /** A replacement that is neither at its end nor undone. */
  #half(container: string): Half | null {
    const waiting = this.find(freshName(container));
    if (waiting !== null) return { fresh: waiting, old: this.#oldOf(waiting) };
    const place = this.find(container);
    const old = place === null ? null : this.#oldOf(place);
    if (place === null || old === null) return null;
    return old.name === asideName(container, old.id) ? { fresh: place, old } : null;
  }

  /** In place already: the end of a way whose old container is kept, gone or was never there. */
  #started(container: string, config: string): Half | null {
    const place = this.find(container);
    return place?.labels[memoryLabels.config] === config ? { fresh: place, old: this.#oldOf(place) } : null;
  }

  #replacedBy(container: string, fresh: FakeContainer): Half | null {
    const old = this.#oldOf(fresh);
    return old !== null && old.name === keptName(container, old.id) ? { fresh, old } : null;
  }

  #oldOf({ labels }: FakeContainer): FakeContainer | null {
    return this.#containers.get(labels[memoryLabels.replaces] ?? '') ?? null;
  }

  #see(container: string, { fresh, old }: Half): SeenReplacement {
    const was = JSON.parse(fresh.labels[memoryLabels.was] ?? 'null') as Was;
    const seen = (one: FakeContainer): NonNullable<SeenReplacement['old']> => ({ ...one, at: placeOf(container, one) });
    return {
      old: old === null ? null : seen(old),
      fresh: { ...seen(fresh), was, isWired: true },
      restart: was.restart,
    };
  }

  #breakBefore(move: Move['move']): void {
    if (this.#nextBreak !== move) return;
    this.#nextBreak = null;
    throw new BrokenOff(move);
  }
}

/** As if the engine had gone away at that moment. */
export class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}

type Half = { readonly fresh: FakeContainer; readonly old: FakeContainer | null };

const refused = (why: RefusedReplacement, reason: string): ReplacementOutcome => ({ outcome: 'refused', why, reason });

const configOf = (imageId: string, { settings, base }: Pick<Replacement, 'settings' | 'base'>): string =>
  JSON.stringify({ imageId, settings, base });

function isAsWished(
  place: FakeContainer,
  { imageId, config, settings }: Pick<Replacement, 'settings'> & { readonly imageId: string; readonly config: string },
): boolean {
  if (place.labels[memoryLabels.config] === config) return true;
  return place.imageId === imageId && Object.keys(settings).length === 0;
}

/** What its user set: a replacement's own labels are not the next one's. */
function userLabels(old: FakeContainer | null): Readonly<Record<string, string>> {
  const own: readonly string[] = [...Object.values(memoryLabels), ...Object.values(workLabels)];
  return Object.fromEntries(Object.entries(old?.labels ?? {}).filter(([name]) => !own.includes(name)));
}

const namesAt = (container: string, id: string) =>
  ({
    place: container,
    fresh: freshName(container),
    aside: asideName(container, id),
    kept: keptName(container, id),
  }) as const;

const nameAt = (container: string, id: string, at: keyof ReturnType<typeof namesAt>): string =>
  namesAt(container, id)[at];

function placeOf(container: string, { id, name }: FakeContainer): keyof ReturnType<typeof namesAt> {
  const names = namesAt(container, id);
  const places = ['place', 'fresh', 'aside', 'kept'] as const;
  const at = places.find((place) => names[place] === name);
  if (at === undefined) throw new Error(`container ${id} is called ${name}`);
  return at;
}

import type { Move, SeenContainer, SeenReplacement } from '../../model/replacement-move.ts';
import type { RestartSetting, Was } from '../../model/replacement.ts';

/** What is wrong with the new container: the engine can't start it, it exits at once, it never gets well. */
export type Sickness = 'start' | 'exit' | 'health' | null;

type Box = SeenContainer & {
  readonly exitCode: number;
  readonly stoppedByHand: boolean;
  /** It ran when the engine ended, and its restart policy does not bring it back: nobody's doing but the engine's. */
  readonly endedByEngine: boolean;
};

/** An engine of two containers that follows Docker's rules of restarting: small enough for a million moves. */
export class SmallEngine {
  readonly was: Was;
  readonly #wanted: RestartSetting;
  readonly #sickness: Sickness;
  #old: Box | null;
  #fresh: Box | null = null;
  #isWired = false;

  constructor(was: Was, wanted: RestartSetting, sickness: Sickness) {
    this.was = was;
    this.#wanted = wanted;
    this.#sickness = sickness;
    const stopped = { exitCode: was.running ? 0 : 143, stoppedByHand: !was.running, endedByEngine: false };
    this.#old = { id: 'old', at: 'place', running: was.running, wasTried: true, restart: was.restart, ...stopped };
  }

  get old(): Box | null {
    return this.#old;
  }

  get fresh(): Box | null {
    return this.#fresh;
  }

  see(): SeenReplacement {
    const fresh = this.#fresh === null ? null : { ...this.#fresh, was: this.was, isWired: this.#isWired };
    return { old: this.#old, fresh, restart: this.#wanted };
  }

  /** Whether the engine agreed; a check answers whether the new one is well. */
  make(move: Move): boolean {
    switch (move.move) {
      case 'create':
        this.#fresh = { id: 'new', at: 'fresh', running: false, wasTried: false, restart: NO, ...UNSTARTED };
        this.#isWired = false;
        return true;
      case 'wire':
        this.#isWired = true;
        return true;
      case 'check':
        return this.#fresh?.running === true && this.#sickness !== 'health';
      case 'remove':
        if (this.#find(move.id).running) return false;
        if (move.which === 'old') this.#old = null;
        else this.#fresh = null;
        return true;
      case 'end':
        return true;
      default:
        return this.#change(move);
    }
  }

  /** All containers end with it, and those come back that Docker would start again. */
  restart(): void {
    this.#old = comeBack(this.#old);
    this.#fresh = comeBack(this.#fresh);
    if (this.#sickness !== null && this.#sickness !== 'health' && this.#fresh !== null)
      this.#fresh = { ...this.#fresh, running: false };
  }

  #change(move: Extract<Move, { readonly move: 'rename' | 'stop' | 'setRestart' | 'start' }>): boolean {
    const box = this.#find(move.id);
    if (move.move === 'rename') {
      if ([this.#old, this.#fresh].some((other) => other?.at === move.to && other.id !== box.id)) return false;
      this.#put({ ...box, at: move.to });
    }
    if (move.move === 'setRestart') this.#put({ ...box, restart: move.restart });
    if (move.move === 'stop') this.#put({ ...box, running: false, exitCode: 143, stoppedByHand: true });
    if (move.move !== 'start') return true;
    const isSick = box.id === 'new' && (this.#sickness === 'start' || this.#sickness === 'exit');
    const exitCode = isSick ? 1 : 0;
    this.#put({ ...box, running: !isSick, wasTried: true, stoppedByHand: false, endedByEngine: false, exitCode });
    return !(box.id === 'new' && this.#sickness === 'start');
  }

  #find(id: string): Box {
    const found = [this.#old, this.#fresh].find((box) => box?.id === id);
    if (found === undefined || found === null) throw new Error(`no container ${id}`);
    return found;
  }

  #put(box: Box): void {
    if (box.id === 'old') this.#old = box;
    else this.#fresh = box;
  }
}

const NO: RestartSetting = { policy: 'no', retries: 0 };
const UNSTARTED = { exitCode: 0, stoppedByHand: false, endedByEngine: false };

/** dockerd's ShouldRestart at its start: never a container that was never started. */
function comeBack(box: Box | null): Box | null {
  if (box === null) return null;
  const exitCode = box.running ? 137 : box.exitCode;
  const isBack = box.wasTried && isStartedAgain({ ...box, exitCode });
  return { ...box, exitCode, running: isBack, endedByEngine: (box.running || box.endedByEngine) && !isBack };
}

function isStartedAgain({ restart, exitCode, stoppedByHand }: Box): boolean {
  switch (restart.policy) {
    case 'no':
      return false;
    case 'always':
      return true;
    case 'unless-stopped':
      return !stoppedByHand;
    case 'on-failure':
      return exitCode !== 0;
  }
}

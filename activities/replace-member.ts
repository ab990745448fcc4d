import { activityInfo, cancellationSignal, log } from '@temporalio/activity';
import { EngineError, type Engine } from '../model/engine.ts';
import { workLabels, type ReplacementOutcome, type ReplacementStage } from '../model/replacement.ts';
import { whileBeating } from './beating.ts';
import { conceal } from './conceal.ts';
import { messageOf, wrongInput } from './failure.ts';
import { change, startBeat, type MemberBeat } from './member-beat.ts';
import type { MemberActivities, ReplaceMemberInput } from './member-activities.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';

export type ReplacePorts = Pick<Ports, 'engine' | 'loadFleet' | 'readEnvFile'>;

type Attempt = {
  readonly input: ReplaceMemberInput;
  readonly engine: Engine;
  readonly beat: MemberBeat;
  readonly signal: AbortSignal;
  /** Of the file that the input names; in no heartbeat, log or failure. */
  readonly secrets: Readonly<Record<string, string>>;
};

/**
 * Idempotent and resumable: the engine's own state says how far an earlier attempt came.
 *
 * 1. An engine that is away is thrown: the next attempt goes on, and Temporal shows meanwhile which engine is waited for.
 * 2. A new container's failure is in the heartbeat before the way back begins: no attempt tries once more what failed.
 * 3. A cancelled attempt stops where it is; the same call finishes.
 */
export function createReplaceMember(ports: ReplacePorts): MemberActivities['replaceMember'] {
  return async (input) => {
    const { host, container } = input;
    const engine = engineOf(ports, input);
    const secrets = await readSecrets(ports, input);
    const beat = startBeat({ host, container, stage: 'creating' });
    const attempt: Attempt = { input, engine, beat, secrets, signal: cancellationSignal() };
    const outcome = await whileBeating(
      () => ({ ...beat }),
      async () => replace(attempt),
    );
    log.info('replacement ended', { host, container, outcome: outcome.outcome });
    return outcome;
  };
}

/** Before anything was done a file that can't be read is wrong input; later on it has to be put back. */
async function readSecrets(ports: ReplacePorts, { envFile }: ReplaceMemberInput): Promise<Attempt['secrets']> {
  if (envFile === null) return {};
  try {
    return await ports.readEnvFile(envFile);
  } catch (error) {
    if (activityInfo().attempt > 1) throw error;
    throw wrongInput(messageOf(error));
  }
}

async function replace(attempt: Attempt): Promise<ReplacementOutcome> {
  const { input, engine, signal } = attempt;
  const image = input.mode === 'create' ? await findImageId(attempt) : input.image;
  if (image === null) {
    const reason = `image ${input.image} is not on ${input.host}`;
    return { outcome: 'refused', why: 'image', reason };
  }
  try {
    const { container, health, until, onFailure } = input;
    const { failed } = attempt.beat;
    const outcome = await engine.replaceContainer({
      ...{ container, image, health, until, onFailure, failed, signal },
      base: 'kept',
      settings: settingsOf(attempt),
      labels: { [workLabels.upgrade]: input.upgrade },
      keepOld: input.mode === 'create' ? false : input.keepOld,
      onStage: (stage) => note(attempt, stage),
    });
    return tell(attempt, outcome);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EngineError) throw new EngineError(error.kind, concealed(attempt, error.message));
    throw error;
  }
}

async function findImageId({ input, engine, signal }: Attempt): Promise<string | null> {
  return (await engine.inspectImage(input.image, signal))?.id ?? null;
}

/** What is given by itself wins over the file. */
function settingsOf({ input, secrets }: Attempt): ReplaceMemberInput['settings'] {
  const { settings, envFile } = input;
  return envFile === null ? settings : { ...settings, env: { ...secrets, ...settings.env } };
}

function note(attempt: Attempt, stage: ReplacementStage): void {
  const failed = stage.stage === 'failed' ? concealed(attempt, stage.reason) : attempt.beat.failed;
  change(attempt.beat, { stage: stage.stage, failed });
}

function tell(attempt: Attempt, outcome: ReplacementOutcome): ReplacementOutcome {
  if ('reason' in outcome) return { ...outcome, reason: concealed(attempt, outcome.reason) };
  if (outcome.outcome !== 'replaced') return outcome;
  return { ...outcome, notes: outcome.notes.map((text) => concealed(attempt, text)) };
}

const concealed = ({ secrets }: Attempt, text: string): string => conceal(text, Object.values(secrets));

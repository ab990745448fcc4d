import { activityInfo, cancellationSignal } from '@temporalio/activity';
import { EngineError, type Engine } from '../model/engine.ts';
import { replayCommand } from '../model/upgrader-container.ts';
import { buildOf, upgraderLabels } from '../model/upgrader.ts';
import { whileBeating } from './beating.ts';
import { attendJob } from './job-end.ts';
import { engineOf } from './own-fleet.ts';
import type { Ports } from './ports.ts';
import { parseReplayLine } from './replay-line.ts';
import type { ReplayResult, SelfUpgradeActivities, SuccessorInput } from './self-upgrade-activities.ts';
import { pullSuccessor, successorSpec } from './upgrader-containers.ts';

/** Last lines of a replay that says nothing we know; they tell why. */
const TOLD_LINES = 3;

/** Idempotent: reads; the job of an attempt that was cut off is taken over. */
export function createReplaySuccessor(
  ports: Pick<Ports, 'engine' | 'loadFleet' | 'registryAuth'>,
): SelfUpgradeActivities['replaySuccessor'] {
  return async (input) => {
    const engine = engineOf(ports, input);
    const signal = cancellationSignal();
    try {
      return await whileBeating(
        () => ({ host: input.host, stage: 'replaying' }),
        async () => replay(ports, { input, engine, signal }),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof EngineError) return { outcome: 'failed', message: error.message };
      throw error;
    }
  };
}

type Work = { readonly input: SuccessorInput; readonly engine: Engine; readonly signal: AbortSignal };

async function replay(ports: Pick<Ports, 'registryAuth'>, { input, engine, signal }: Work): Promise<ReplayResult> {
  const { fleet, host, upgrade, image, deadlineMs } = input;
  const place = { fleet, host, engine, signal };
  const problem = await pullSuccessor(ports, place, { image, deadlineMs });
  if (problem !== null) return { outcome: 'failed', message: problem };
  const { env, volumes, network } = await successorSpec(place, 'worker', image);
  const build = buildOf(image);
  const end = await attendJob(engine, {
    // The next question, after an operator's answer, has another activity id: it is asked anew.
    name: `refit-replay-${build}-${activityInfo().activityId}`,
    ...{ image, command: replayCommand, env, binds: volumes, networkMode: network, deadlineMs, signal },
    labels: { 'dev.refit.upgrade': upgrade, [upgraderLabels.build]: build, [upgraderLabels.fleet]: fleet },
  });
  const said = end.lines.map(parseReplayLine).findLast((line) => line !== null) ?? null;
  const isBlocked = said?.outcome === 'blocked';
  if (said !== null && (end.exitCode === 0 || isBlocked || said.outcome === 'failed')) return said;
  const how = end.failure === null ? `ended with ${end.exitCode ?? 'no code'}` : `did not end (${end.failure})`;
  const last = end.lines.slice(-TOLD_LINES).join(' | ');
  return { outcome: 'failed', message: `host ${host}: the replay of build ${build} ${how}: ${last}` };
}

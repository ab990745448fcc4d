import { allHandlersFinished, condition, setHandler } from '@temporalio/workflow';
import type { Waiting } from '../model/upgrade.ts';
import { activityInput } from './chain-input.ts';
import { stopWave, waveProgress, type StopOrder, type StopReason } from './messages.ts';
import { onHost, quick, reading } from './proxies.ts';
import type { ChainResult, ChainWaveInput } from './wave-input.ts';

/** Hands the baton to the first host, and then only watches: the agents hand it on among themselves. */
export async function upgradeChain(input: ChainWaveInput): Promise<ChainResult> {
  const { fleet, upgrade, epoch, release } = input;
  const since = Date.now();
  let isLifted = false;
  const hold = async (reason: StopReason): Promise<void> => {
    // A hold that is set before the last one is lifted would be lifted with it.
    await condition(() => isLifted);
    await quick.setHold({ fleet, upgrade, epoch, hold: true, reason });
  };
  setHandler(stopWave, async (order?: StopOrder) => hold(order?.reason ?? 'pause'), {
    description: 'hold the chain: nobody takes the baton; who has it finishes',
  });
  setHandler(waveProgress, () => ({ hosts: [], waiting: [waiting(input.name, since)] }), {
    description: 'what the chain waits for; who has the baton is in the activity followChain',
  });

  await quick.setHold.executeWithOptions({ summary: 'lift the hold' }, [
    { fleet, upgrade, epoch, hold: false, reason: '' },
  ]);
  isLifted = true;
  if (!input.isResumed) {
    await reading.startChain.executeWithOptions({ summary: `baton to host ${input.offset + 1} of the chain` }, [
      activityInput(input),
    ]);
  }
  const end = await onHost.followChain.executeWithOptions({ summary: `chain to ${release.version}` }, [
    activityInput(input),
  ]);
  await condition(allHandlersFinished);
  return { end: end.end, position: end.position, outcome: end.end === 'stopped' ? end.outcome : null };
}

function waiting(name: string, since: number): Waiting {
  const movedOnBy = 'the agents along the chain; refit pause holds it';
  return { what: `the baton to come through the ${name}`, host: null, since, until: null, movedOnBy };
}

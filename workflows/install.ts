import { startChild } from '@temporalio/workflow';
import type { WaveSummary } from '../model/plan.ts';
import { ask, gate, insist } from './gate.ts';
import { follow } from './follow.ts';
import { installChain } from './install-chain.ts';
import type { Ending, Run } from './run.ts';
import { settleOutcomes } from './settle.ts';
import { upgradeWave } from './upgrade-wave.ts';
import { waveInput } from './wave-orders.ts';

/** Install phase: wave after wave, the next only when every host of the one before is healthy or was left. */
export async function install(run: Run): Promise<Ending> {
  run.enter('running', 'install');
  for (const wave of run.hop.waves) {
    const ending =
      (await approval(run, wave)) ?? (await (wave.start === 'baton' ? installChain : installWave)(run, wave));
    if (ending !== 'go') return ending;
  }
  return 'go';
}

/** With `--step` an operator lets every wave go; null: go on. */
async function approval(run: Run, wave: WaveSummary): Promise<Ending | null> {
  if (!run.input.policy.step || run.wishes.approved.has(wave.name)) return null;
  const ending = await ask(run, {
    what: `approval of ${wave.name}`,
    host: null,
    answers: [`approve ${wave.name}`, 'resume'],
    isAnswered: () => run.wishes.resume || run.wishes.approved.has(wave.name),
  });
  return ending === 'go' ? null : ending;
}

async function installWave(run: Run, wave: WaveSummary): Promise<Ending> {
  // Every round ends a host, or an operator or the policy says how to go on.
  for (;;) {
    const ending = await gate(run);
    if (ending !== 'go') return ending;
    const hosts = run.hop.hostsOf(wave.name, 'staged');
    if (hosts.length === 0) return 'go';
    const result = await insist(run, wave.name, async () => {
      const input = waveInput(run, wave, { action: 'install', hosts });
      const staticSummary = `${wave.name}: ${hosts.length} hosts to ${input.release.version}`;
      return follow(run, wave.name, async (options) =>
        startChild(upgradeWave, { ...options, staticSummary, args: [input] }),
      );
    });
    if (result === null) return run.wishes.ending ?? 'abort';
    run.traffic.take(result);
    const settled = await settleOutcomes(run, result.outcomes);
    if (settled !== 'go') return settled;
  }
}

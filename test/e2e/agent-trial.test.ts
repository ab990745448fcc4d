import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import { startAgentHost, type AgentHost } from '../parts/agent-host.ts';

const OLD = '1.0.0+old';
/** Time that a faulty agent gets to prove itself; a good one has the usual; ms. */
const PROOF_MS = 3_000;

/** What an agent does instead of running. */
const faults = {
  '4.0.0+crash': `throw new Error('broken');`,
  '4.0.0+hang': `process.on('SIGTERM', () => {}); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`,
  '4.0.0+exit': `process.exit(0);`,
  '4.0.0+deaf': `require('fs').writeFileSync('/var/lib/refit/agent-alive', '4.0.0+deaf'); setInterval(() => {}, 1e6); return;`,
} as const;
type Bad = keyof typeof faults;

let host: AgentHost;
beforeAll(async () => {
  host = await startAgentHost();
  for (const version of [OLD, '2.0.0+good', '3.0.0+good']) await host.image(version);
  for (const [version, fault] of Object.entries(faults)) await host.image(version, fault);
  await host.endOf(await host.startJob(OLD, { command: 'local' }));
});
afterAll(async () => host[Symbol.asyncDispose]());

const startBad = (version: Bad): Promise<string> => host.startJob(version, { proofMs: PROOF_MS });

const alive = (): Promise<string> =>
  host.sh('ETCDCTL_API=3 etcdctl get --print-value-only /refit/v1/trial/hosts/host-1/alive');

/** The one agent that runs: by its process, by the link, and by what the bus shows. Nothing is left to be resumed. */
async function expectAgent(version: string): Promise<void> {
  await eventually(
    async () => {
      const processes = await host.sh(`ps -eo args | grep -c '[a]gent.cjs run' || true`);
      const link = await host.sh('readlink /var/lib/refit/agents/current');
      const trial = await host.sh('systemctl is-enabled refit-agent-trial || true');
      expect([processes, link, trial]).toEqual(['1', version, 'disabled']);
      expect(JSON.parse(await alive())).toMatchObject({ agent: version });
    },
    { everyMs: 200 },
  );
}

const phase = (name: string): Promise<string> =>
  host.sh(`until grep -q '"phase": "${name}"' /var/lib/refit/agent-trial.json; do sleep 0.02; done`);

/** How long no agent was there that had come up: from the stop of the old one to the mark of the one that is there now; ms. */
async function gapMs(since: string): Promise<number> {
  const journal = `journalctl -u refit-agent --since=@${since} -o short-unix`;
  const stop = await host.sh(`${journal} | grep -m1 Stopping | cut -d' ' -f1`);
  const mark = await host.sh('stat -c %.3Y /var/lib/refit/agent-alive');
  return Math.round((Number(mark) - Number(stop)) * 1000);
}

const now = (): Promise<string> => host.sh('date +%s.%N');

const badAgents = [
  ['crashes at start', '4.0.0+crash'],
  ['hangs and can not be asked to end', '4.0.0+hang'],
  ['exits 0 at once', '4.0.0+exit'],
  ['comes up and never reaches the bus, which is there,', '4.0.0+deaf'],
] as const;

describe('an agent on trial, on a real host', () => {
  test.each(sample('bad agents', badAgents, 1))(
    'one that %s gives way to the old one by itself',
    async (fault, version) => {
      const since = await now();

      const end = await host.endOf(await startBad(version));

      expect(end).toMatchObject({ event: 'failed' });
      expect(end['message']).toContain(`agent ${version} did not`);
      expect(end['message']).toContain(`agent ${OLD} runs again`);
      await expectAgent(OLD);
      console.info(`an agent that ${fault} within ${PROOF_MS} ms: the host had none for ${await gapMs(since)} ms`);
    },
  );

  test.runIf(isNightly)(
    'a job that is killed before the trial leaves the host as it was, and the next one does it all',
    async () => {
      const job = await startBad('4.0.0+crash');

      await host.sh(`systemctl kill --signal=KILL ${job} || true`);

      expect((await host.endOf(await startBad('4.0.0+crash')))['message']).toContain(`agent ${OLD} runs again`);
      await expectAgent(OLD);
    },
  );

  test.each(sample('moments to kill a job at', ['trying', 'returning'], 1))(
    'a job that is killed while the trial is %s is not needed',
    async (at) => {
      const job = await startBad('4.0.0+exit');
      await phase(at);

      await host.sh(`systemctl kill --signal=KILL ${job} || true`);

      await phase('returned');
      await expectAgent(OLD);
    },
  );

  test.runIf(isNightly)('the trial’s own process is killed, and resumes', async () => {
    const job = await startBad('4.0.0+hang');
    await phase('trying');

    await host.sh('systemctl kill --signal=KILL refit-agent-trial');

    expect((await host.endOf(job))['message']).toContain(`agent ${OLD} runs again`);
    await expectAgent(OLD);
  });

  test('a power cut in the middle of a trial that fails ends with the old agent', async () => {
    await startBad('4.0.0+hang');
    await phase('trying');

    await host.powerCut();

    await expectAgent(OLD);
  });

  test.runIf(isNightly)('a power cut in the middle of a trial of a good agent ends with that', async () => {
    await host.startJob('2.0.0+good');
    await phase('trying');

    await host.powerCut();

    await expectAgent('2.0.0+good');
  });

  test('a good one takes over with the journal, and the host is without one for a moment', async () => {
    const since = await now();

    const end = await host.endOf(await host.startJob('3.0.0+good'));

    expect(end).toMatchObject({ event: 'done', agent: '3.0.0+good', outcome: 'replaced' });
    console.info(`a good agent: the host had none for ${await gapMs(since)} ms`);
    await expectAgent('3.0.0+good');
    expect(JSON.parse(await alive())).toMatchObject({ phase: 'done', facts: { installed: { version: '1.0.0' } } });
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Boot, HostSteps } from '../../agent/ports.ts';
import { parseStepId } from '../../model/ids.ts';
import type { KernelStep, ReleaseRef } from '../../model/release.ts';
import { eventually } from '../eventually.ts';
import { TestHost } from './test-host.ts';

const [OLD, NEW] = ['6.1', '6.2'] as const;
const step: KernelStep = {
  ...{
    id: parseStepId('kernel'),
    type: 'kernel',
    format: 'deb',
    kernel: NEW,
    timeoutMs: 60_000,
    confirmWithinMs: 2_000,
  },
  package: { file: 'kernel.deb', name: 'linux-image-6.2', version: '1', architecture: 'all' },
  health: { probes: [], minHealthyTimeMs: 0, deadlineMs: 1_000 },
};

let host: TestHost;
let calls: string[];
let running: string;
let boots: number;
/** What the next confirmation finds. */
let isSick: boolean;
beforeEach(() => {
  host = new TestHost();
  [calls, running, boots, isSick] = [[], OLD, 1, false];
});
afterEach(() => host.close());

/** A kernel's steps on a host of which nothing is left but which kernel runs, and which was made the default. */
const steps: HostSteps = {
  check: ({ type }) => Promise.resolve(type === 'kernel' ? running === NEW : false),
  capture: () => Promise.resolve({ running }),
  apply: ({ id, type }) => {
    calls.push(`apply ${id}`);
    if (type !== 'confirm' || (running === NEW && !isSick)) return Promise.resolve();
    return Promise.reject(new Error(running === NEW ? 'sick' : `${running} runs`));
  },
  verify: () => Promise.resolve({ problem: null, measured: { kernel: running } }),
  undo: ({ id }) => Promise.resolve(void calls.push(`undo ${id}`)),
  settle: ({ id }) => Promise.resolve(void calls.push(`settle ${id} on ${running}`)),
  needsRestart: (_, { before }) => Promise.resolve((before as { running: string }).running !== running),
  question: () => Promise.resolve(null),
  probe: () => Promise.resolve({ ok: true, evidence: '' }),
};

/** An agent of this boot; asked for a restart it is not heard of again. */
function startAgent(): { readonly stop: () => void; readonly asked: () => boolean } {
  let isAsked = false;
  const boot: Boot = {
    bootId: () => `boot-${boots}`,
    kernel: () => running,
    reboot: () => {
      isAsked = true;
      calls.push('restart');
      return Promise.resolve();
    },
  };
  const agent = host.start({ steps, boot });
  return { stop: agent.stop, asked: () => isAsked };
}

async function restartInto(
  kernel: string,
  agent: ReturnType<typeof startAgent>,
): Promise<ReturnType<typeof startAgent>> {
  await eventually(() => expect(agent.asked()).toBe(true));
  return losePower(kernel, agent);
}

function losePower(kernel: string, agent: ReturnType<typeof startAgent>): ReturnType<typeof startAgent> {
  agent.stop();
  boots += 1;
  running = kernel;
  return startAgent();
}

const stage = (): ReleaseRef => host.stage({ version: '1.0.0', steps: [step] });

describe('a kernel', () => {
  test('is installed, started and confirmed, each once', async () => {
    const agent = startAgent();
    const order = await host.order(stage());

    await restartInto(NEW, agent);
    const report = await host.settled(order);

    expect(report).toMatchObject({ phase: 'done', measured: { kernel: NEW } });
    expect(calls).toEqual(['apply kernel', 'restart', 'apply kernel.confirm']);
  });

  test('that did not start is taken back without another restart, and says which one runs', async () => {
    const agent = startAgent();
    const order = await host.order(stage());

    await restartInto(OLD, agent);
    const report = await host.settled(order);

    expect(report).toMatchObject({ phase: 'reverted', error: { step: 'kernel.confirm' } });
    expect(report.error?.message).toContain(`${OLD} runs`);
    expect(calls.slice(2)).toEqual([
      ...['apply kernel.confirm', 'undo kernel.confirm', 'undo kernel'],
      ...[`settle kernel on ${OLD}`, `settle kernel.confirm on ${OLD}`],
    ]);
  });

  test('that is not healthy is taken back with a restart, before anything is removed', async () => {
    isSick = true;
    const agent = startAgent();
    const order = await host.order(stage());

    const onTrial = await restartInto(NEW, agent);
    await restartInto(OLD, onTrial);
    const report = await host.settled(order);

    expect(report).toMatchObject({ phase: 'reverted', error: { message: expect.stringContaining('sick') as string } });
    expect(calls.slice(-3)).toEqual(['restart', `settle kernel on ${OLD}`, `settle kernel.confirm on ${OLD}`]);
  });

  test('whose start was a loss of power is not started a second time', async () => {
    const agent = startAgent();
    const order = await host.order(stage());
    await eventually(() => expect(calls).toContain('apply kernel'));

    losePower(NEW, agent);
    const report = await host.settled(order);

    expect(report.phase).toBe('done');
    expect(calls.filter((call) => call === 'restart').length).toBeLessThanOrEqual(1);
    expect(calls.filter((call) => call === 'apply kernel')).toHaveLength(1);
  });

  test('from which no restart leads back needs a person', async () => {
    isSick = true;
    let agent = startAgent();
    const order = await host.order(stage());
    // There, and five times back.
    for (let restart = 0; restart < 6; restart += 1) agent = await restartInto(NEW, agent);

    const report = await host.settled(order);

    expect(report).toMatchObject({ phase: 'stuck' });
    expect(report.error?.message).toContain('look at the boot loader');
  });

  test('is taken back by a later order, with a restart', async () => {
    const agent = startAgent();
    const release = stage();
    const order = await host.order(release);
    const confirmed = await restartInto(NEW, agent);
    await host.settled(order);

    const back = await host.order(release, { action: 'revert' });
    await restartInto(OLD, confirmed);

    expect((await host.settled(back)).phase).toBe('reverted');
    expect(calls.slice(-3)).toEqual(['restart', `settle kernel on ${OLD}`, `settle kernel.confirm on ${OLD}`]);
  });
});

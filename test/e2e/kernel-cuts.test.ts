import { afterAll, beforeAll, expect, test } from 'vitest';
import { pause } from '../../drivers/pause.ts';
import { eventually } from '../eventually.ts';
import { isNightly, sample } from '../nightly.ts';
import type { Answer } from './platform/command-line.ts';
import { journalOf } from './platform/kernel-journal.ts';
import { openKernelLab, type KernelLab } from './platform/kernel-lab.ts';

const HOST = 'host-1';
/** The first time on a machine, template and packages are made; ms. */
const UP_WITHIN_MS = 1_200_000;
/** An emulated host's way there or back, with one start more than without the cut; ms. */
const WAY_WITHIN_MS = 900_000;
/** What the guest's own look at its journal costs it is little, and the agent is stopped before its next record; s. */
const LOOK_S = 0.02;
/** Gone after a restart. */
const WRITTEN = '/run/record-written';

/** Records that one way writes: accepted and three steps with a start and an end, or the way back of all three, and some to spare. */
const LAST_RECORD = 10;

type Way = 'upgrade' | 'rollback';
/** The power goes with the record, or so long after it, in the middle of what it began; ms. */
type Cut = { readonly way: Way; readonly record: number; readonly delayMs: number };

const cutsOf = (way: Way, delayMs: number): readonly Cut[] =>
  Array.from({ length: LAST_RECORD }, (_, index) => ({ way, record: index + 1, delayMs }));
const there = [0, 3_000, 15_000].flatMap((delayMs) => cutsOf('upgrade', delayMs));
/** Forty. */
const cuts = [...there, ...cutsOf('rollback', 0)];

let site: KernelLab;
let reference: string;
beforeAll(async () => {
  site = await openKernelLab('vm', 1);
  reference = await site.publish({ version: '1.0.0', kernel: 'sound' });
}, UP_WITHIN_MS);
afterAll(() => site[Symbol.asyncDispose](), UP_WITHIN_MS);

type Ended = { readonly state: string; readonly error: string | null };

/** Whole, and on the kernel from which the way begins. */
async function bringToStart(way: Way): Promise<void> {
  const start = way === 'upgrade' ? site.before : site.after;
  if ((await site.standing(HOST)).running === start) return;
  const opposite = way === 'upgrade' ? 'rollback' : 'upgrade';
  expect((await go(opposite)).exitCode).toBe(0);
}

const go = async (way: Way): Promise<Answer> =>
  site.refit(['host', way, '--local', reference, '--host', HOST, '--json']);

/** Something in the guest says when the record is there, and stops the agent if the next one must not follow. */
async function watchRecords({ record, delayMs }: Cut): Promise<void> {
  const count = 'cat /var/lib/refit/journal/*.jsonl 2>/dev/null | wc -l';
  const since = Number(await site.onHost(HOST, count));
  const stop = delayMs === 0 ? 'systemctl kill --signal=STOP refit-agent.service; ' : '';
  const loop = `while [ $(${count}) -lt ${since + record} ]; do sleep ${LOOK_S}; done; ${stop}touch ${WRITTEN}`;
  await site.onHost(HOST, `rm -f ${WRITTEN}; nohup sh -c '${loop}' >/dev/null 2>&1 &`);
}

/** Whether the record came before the way ended: the last ones of a way may never be written. */
async function cutAt({ delayMs }: Cut, over: AbortSignal): Promise<boolean> {
  const isWritten = async (): Promise<boolean> =>
    over.aborted || (await site.lab.exec(HOST, ['test', '-e', WRITTEN])).exitCode === 0;
  await eventually(async () => expect(await isWritten()).toBe(true), { withinMs: WAY_WITHIN_MS, everyMs: 200 });
  if (over.aborted) return false;
  await pause(delayMs, new AbortController().signal);
  await site.lab.cutPower(HOST);
  await site.lab.restorePower(HOST);
  return true;
}

test.each(sample('power cuts', isNightly ? cuts : there, 1))(
  'the power goes $delayMs ms after record $record of a kernel’s $way: the host is on one kernel or the other, whole',
  async (cut) => {
    await bringToStart(cut.way);
    await watchRecords(cut);
    const over = new AbortController();
    const [answer, wasCut] = await Promise.all([go(cut.way).finally(() => over.abort()), cutAt(cut, over.signal)]);
    if (answer.stdout === '') throw new Error(`refit host ${cut.way} ended with ${answer.exitCode}: ${answer.stderr}`);
    const ended = JSON.parse(answer.stdout) as Ended;

    const found = await eventually(() => site.standing(HOST), { withinMs: WAY_WITHIN_MS, everyMs: 1_000 });
    const last = (await journalOf(site, HOST)).at(-1);
    console.info(wasCut ? 'cut' : 'over before the cut', ended.state, found.running, ended.error ?? '');
    expect(['done', 'reverted']).toContain(ended.state);
    expect(last?.body).toMatchObject({ type: 'finished', phase: ended.state });
    const kernel = ended.state === 'done' ? site.after : site.before;
    expect(found).toMatchObject({ running: kernel, once: null, isOnTrial: false });
    expect([null, kernel]).toContain(found.entry);
    expect(found.package === null).toBe(ended.state === 'reverted');
  },
  WAY_WITHIN_MS,
);

import { expect } from 'vitest';
import { pause } from '../../../drivers/pause.ts';
import { eventually } from '../../eventually.ts';
import type { Answer } from './command-line.ts';
import { journalOf } from './kernel-journal.ts';
import type { KernelLab } from './kernel-lab.ts';

/** An emulated host's way there or back, with one start more than without the cut; ms. */
export const WAY_WITHIN_MS = 1_200_000;
/** On the host: what is watched for, until it came; and that it came, until the next start. */
const WATCHED = '/var/lib/record-watch';
const WRITTEN = '/run/record-written';

export type Way = 'upgrade' | 'rollback';
/**
 * Of a way there: that it was accepted; a start and an end of three steps each; its end. Of a way back: that it was taken up; the
 * undoing of each step, there and back again; the restart; what the two that have anything to settle settled; its end.
 */
const RECORDS: Readonly<Record<Way, number>> = { upgrade: 8, rollback: 11 };

/** The power goes with the record, or so long after it, in the middle of what it began; ms. */
export type Cut = { readonly way: Way; readonly record: number; readonly delayMs: number };

export const cutText = ({ way, record, delayMs }: Cut): string =>
  `${delayMs === 0 ? 'at' : `${delayMs / 1_000} s after`} record ${record} of a kernel’s ${way}`;

const atRecords = (way: Way): readonly Cut[] =>
  Array.from({ length: RECORDS[way] }, (_, index) => ({ way, record: index + 1, delayMs: 0 }));
const after = (way: Way, record: number, seconds: readonly number[]): readonly Cut[] =>
  seconds.map((delay) => ({ way, record, delayMs: delay * 1_000 }));
const there = [
  ...atRecords('upgrade'),
  // The package's install, the restart into the new kernel, its confirmation.
  ...after('upgrade', 2, [3, 8, 13, 18, 23, 28, 33, 38, 43, 48]),
  ...after('upgrade', 4, [3, 10, 20, 30]),
  ...after('upgrade', 6, [3, 10, 18]),
];
const back = [
  ...atRecords('rollback'),
  // The restart, and then the package's removal.
  ...after('rollback', 8, [3, 20, 40, 55, 70]),
];
/** From the restart to the confirmation: most of them lead back by themselves, all others to the new kernel. */
const isOnTrial = ({ record }: Cut): boolean => record >= 4 && record <= 6;
const confirmed = there.filter((cut) => !isOnTrial(cut));
/**
 * Forty-one: at each record, and, where emulated hosts take long, in the middle of what it began. In an order in which few ways
 * have to be gone only to be where the next one begins.
 */
export const powerCuts: readonly Cut[] = [
  ...back.flatMap((cut, index) => [...confirmed.slice(index, index + 1), cut]),
  ...confirmed.slice(back.length),
  ...there.filter(isOnTrial),
];

/**
 * Where it leads. A way back goes on. A way there that loses power with its record goes on as well, unless the new kernel ran and
 * was not confirmed: then its one start is used up. At record 4 the restart may have begun; a while after a record it is chance.
 */
function endsOf({ way, record, delayMs }: Cut): readonly string[] {
  if (way === 'rollback') return ['reverted'];
  if (delayMs > 0 || record === 4) return ['done', 'reverted'];
  return record === 5 || record === 6 ? ['reverted'] : ['done'];
}

/** After these the new kernel runs all the same. */
export const passedCuts = powerCuts.filter((cut) => endsOf(cut).every((end) => end === 'done'));

/** What the ways lead to and from. */
type Ways = { readonly site: KernelLab; readonly reference: string };

export const goWay = async ({ site, reference }: Ways, host: string, way: Way): Promise<Answer> =>
  site.refit(['host', way, '--local', reference, '--host', host, '--json']);

const unit = `[Unit]
ConditionPathExists=${WATCHED}
Before=refit-agent.service
[Service]
ExecStart=/usr/bin/perl /usr/local/lib/record-watch
[Install]
WantedBy=multi-user.target
`;

/**
 * Waits, over restarts, for so many records of a way there, which has a journal of its own, or of a way back, which goes on in
 * that. Then it keeps the agent from the next one if it must not follow. In perl, since a shell's every look costs an emulated
 * host more than the agent's next record.
 */
const program = `use IO::Handle;
my ($first, $before, $record, $freezes) = map { chomp; $_ } do { open my $f, '<', '${WATCHED}'; <$f> };
sub newest { (sort glob '/var/lib/refit/journal/*.jsonl')[-1] // '' }
sub lines { open my $f, '<', shift or return 0; my @lines = <$f>; scalar @lines }
sub written { my $file = newest(); lines($file) - ($file eq $first ? $before : 0) }
sub put { open my $f, '>', shift; print $f shift; close $f }
select undef, undef, undef, 0.01 while written() < $record;
put('/sys/fs/cgroup/system.slice/refit-agent.service/cgroup.freeze', 1) if $freezes;
unlink '${WATCHED}';
open my $folder, '<', '/var/lib';
$folder->sync;
put('${WRITTEN}', '');
`;

async function watchRecords(site: KernelLab, host: string, { record, delayMs }: Cut): Promise<void> {
  const file = (path: string, text: string): string => `cat > ${path} <<'END'\n${text}END`;
  const script = [
    `rm -f ${WRITTEN}`,
    file('/etc/systemd/system/record-watch.service', unit),
    file('/usr/local/lib/record-watch', program),
    'first=$(ls /var/lib/refit/journal/*.jsonl 2>/dev/null | tail -n 1)',
    `printf '%s\\n' "$first" "$(cat "$first" 2>/dev/null | wc -l)" ${record} ${delayMs === 0 ? 1 : 0} > ${WATCHED}`,
    // As a host is that was left alone for a while.
    'sync',
    'systemctl daemon-reload && systemctl enable record-watch && systemctl restart record-watch',
  ];
  await site.onHost(host, script.join('\n'));
}

type Due = Pick<Cut, 'delayMs'> & { readonly over: AbortSignal };

/** Whatever the way has come to, the power goes; the record, or that the way was over before it. */
async function cutPower({ lab }: KernelLab, host: string, due: Due): Promise<'at the record' | 'at the end'> {
  const { delayMs, over } = due;
  const isWritten = async (): Promise<boolean> => (await lab.exec(host, ['test', '-e', WRITTEN])).exitCode === 0;
  const isDue = await eventually(
    async () => {
      // In this order: a record that came is told as one.
      const found = { over: over.aborted, written: await isWritten() };
      expect(Object.values(found)).toContain(true);
      return found;
    },
    { withinMs: WAY_WITHIN_MS, everyMs: 200 },
  );
  if (isDue.written) await pause(delayMs, new AbortController().signal);
  await lab.cutPower(host);
  await lab.restorePower(host);
  return isDue.written ? 'at the record' : 'at the end';
}

type Loss = { readonly site: KernelLab; readonly host: string; readonly cut: Cut };

/** Goes a way on which the power goes; returns what that answers. */
export async function cutMeanwhile<Result>({ site, host, cut }: Loss, go: () => Promise<Result>): Promise<Result> {
  const what = `${host}: ${cutText(cut)}`;
  await watchRecords(site, host, cut);
  const over = new AbortController();
  const [answer, when] = await Promise.all([
    go().finally(() => over.abort()),
    cutPower(site, host, { delayMs: cut.delayMs, over: over.signal }),
  ]);
  console.info(`${what} (${when})`);
  // Past its last record a way is over as soon as it is told.
  if (cut.record < RECORDS[cut.way]) expect(when, `${what}: ${JSON.stringify(answer)}`).toBe('at the record');
  return answer;
}

type Ended = { readonly state: string; readonly error: string | null };

/** The host is on one kernel or the other afterwards, whole, and says so; before, it is brought to where the way begins. */
export async function losePower(ways: Ways, host: string, cut: Cut): Promise<void> {
  const { site } = ways;
  const [first, from] =
    cut.way === 'upgrade' ? (['rollback', site.before] as const) : (['upgrade', site.after] as const);
  const { running } = await site.standing(host);
  if (running !== from) expect((await goWay(ways, host, first)).exitCode, first).toBe(0);
  const what = `${host}: ${cutText(cut)}`;
  const answer = await cutMeanwhile({ site, host, cut }, () => goWay(ways, host, cut.way));
  if (answer.stdout === '') throw new Error(`${what}: refit ended with ${answer.exitCode}: ${answer.stderr}`);
  const ended = JSON.parse(answer.stdout) as Ended;

  const found = await eventually(() => site.standing(host), { withinMs: WAY_WITHIN_MS, everyMs: 1_000 });
  const last = (await journalOf(site, host)).at(-1);
  await site.onHost(host, `systemctl disable --now record-watch; rm -f ${WATCHED}`);
  console.info(`${what}:`, ended.state, found.running, ended.error ?? '');
  expect(endsOf(cut), what).toContain(ended.state);
  expect(await site.onHost(host, 'dpkg --audit'), what).toBe('');
  expect(last?.body, what).toMatchObject({ type: 'finished', phase: ended.state });
  const kernel = ended.state === 'done' ? site.after : site.before;
  expect(found, what).toMatchObject({ running: kernel, once: null, isOnTrial: false });
  expect([null, kernel], what).toContain(found.entry);
  expect(found.package === null, what).toBe(ended.state === 'reverted');
}

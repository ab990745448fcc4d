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

/** Of one way: that it was accepted, or begins to revert; a start and an end of three steps each; its end. */
const RECORDS = 8;

export type Way = 'upgrade' | 'rollback';
/** The power goes with the record, or so long after it, in the middle of what it began; ms. */
export type Cut = { readonly way: Way; readonly record: number; readonly delayMs: number };

const cutsOf = (way: Way, delaysMs: readonly number[]): readonly Cut[] =>
  delaysMs.flatMap((delayMs) => Array.from({ length: RECORDS }, (_, index) => ({ way, record: index + 1, delayMs })));
/** Forty: at each record, and in the middle of what it began. */
export const powerCuts: readonly Cut[] = [...cutsOf('upgrade', [0, 3_000, 15_000]), ...cutsOf('rollback', [0, 5_000])];

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
      const found = { written: await isWritten(), over: over.aborted };
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

type Ended = { readonly state: string; readonly error: string | null };

/** The host is on one kernel or the other afterwards, whole, and says so. */
export async function losePower(ways: Ways, host: string, cut: Cut): Promise<void> {
  const { site } = ways;
  const what = `${host}: ${cut.delayMs} ms after record ${cut.record} of a kernel’s ${cut.way}`;
  await watchRecords(site, host, cut);
  const over = new AbortController();
  const [answer, when] = await Promise.all([
    goWay(ways, host, cut.way).finally(() => over.abort()),
    cutPower(site, host, { delayMs: cut.delayMs, over: over.signal }),
  ]);
  if (answer.stdout === '') throw new Error(`${what}: refit ended with ${answer.exitCode}: ${answer.stderr}`);
  const ended = JSON.parse(answer.stdout) as Ended;

  const found = await eventually(() => site.standing(host), { withinMs: WAY_WITHIN_MS, everyMs: 1_000 });
  const last = (await journalOf(site, host)).at(-1);
  await site.onHost(host, `systemctl disable --now record-watch; rm -f ${WATCHED}`);
  console.info(`${what} (${when}):`, ended.state, found.running, ended.error ?? '');
  expect(['done', 'reverted'], what).toContain(ended.state);
  expect(last?.body, what).toMatchObject({ type: 'finished', phase: ended.state });
  const kernel = ended.state === 'done' ? site.after : site.before;
  expect(found, what).toMatchObject({ running: kernel, once: null, isOnTrial: false });
  expect([null, kernel], what).toContain(found.entry);
  expect(found.package === null, what).toBe(ended.state === 'reverted');
}

import type { Engine, Job, JobOutcome } from '../model/engine.ts';
import type { UpgradeId } from '../model/ids.ts';
import {
  LOCAL_BINDS,
  type LocalAction,
  type LocalLine,
  type LocalRelease,
  type LocalReport,
} from '../model/local-job.ts';
import { defaultPolicy } from '../model/policy.ts';
import type { Clock } from '../model/ports.ts';
import type { EditedAnswer } from '../model/upgrade.ts';
import type { LocalImage, LocalImages } from './local-upgrade-image.ts';
import { isOver, parseLocalLine } from './local-upgrade-lines.ts';
import { Unreachable } from './unreachable.ts';

/** Longest that the look at the host takes; ms. It reads a few files. */
const CHECK_MS = 60_000;
/** Beyond the release's own deadline for the host: the files, the way back, a boot; ms. */
const SLACK_MS = 900_000;
/** Between two looks for an engine that is away, as while the host boots; ms. */
const AWAY_MS = 1_000;
/** How often a job that somebody ended is started again: more than a release has reboots, and an end to a quarrel. */
const MAX_CUT_OFFS = 10;

export type LocalRequest = {
  readonly action: LocalAction;
  /** Of this command; the host's agent knows the upgrade by it. */
  readonly upgrade: UpgradeId;
  /** As it was typed. */
  readonly reference: string;
  readonly host: string;
  /** For an agent that has none yet; JSON. */
  readonly agentConfig: string;
  readonly acceptRisks: readonly string[];
  readonly edited: EditedAnswer | null;
};

export type LocalPorts = {
  readonly engine: Engine;
  readonly images: LocalImages;
  readonly clock: Clock;
  /** Called with all that is worth telling. */
  readonly say: (news: LocalNews) => void;
};

export type LocalNews =
  | LocalLine
  | { readonly event: 'image'; readonly image: LocalImage }
  | { readonly event: 'away'; readonly why: string };

/** refused: nothing was changed · failed: the host could not be ordered, or did not end in time */
export type LocalOutcome =
  | { readonly outcome: 'over'; readonly release: LocalRelease; readonly report: LocalReport }
  | { readonly outcome: 'refused' | 'failed'; readonly message: string };

type Run = { readonly ports: LocalPorts; readonly request: LocalRequest; readonly image: LocalImage };

/**
 * Upgrades one host, or takes its upgrade back, with nothing but its engine and the release's image. The host's own agent
 * does it; what is here only starts it and looks on, so that nothing is lost when this process or the engine ends.
 */
export async function runLocalUpgrade(ports: LocalPorts, request: LocalRequest): Promise<LocalOutcome> {
  const found = await ports.images.release(request.reference);
  if (!found.ok) return { outcome: 'refused', message: found.problem };
  const run = { ports, request, image: found.image };
  ports.say({ event: 'image', image: found.image });
  const checked = await check(run);
  if (checked.event === 'refused') return { outcome: 'refused', message: checked.message };
  if (checked.event !== 'release') return { outcome: 'failed', message: checked.message };
  if (request.action === 'install') {
    const problem = await ports.images.pullAll(checked.images);
    if (problem !== null) return { outcome: 'refused', message: problem };
  }
  const end = await follow(run, checked);
  if (end.event === 'report') return { outcome: 'over', release: checked, report: end };
  return { outcome: end.event, message: end.message };
}

type Failed = Extract<LocalLine, { readonly event: 'failed' }>;
type Refused = Extract<LocalLine, { readonly event: 'refused' }>;

async function check(run: Run): Promise<LocalRelease | Refused | Failed> {
  const isEnd = (line: LocalLine): line is LocalRelease | Refused | Failed =>
    line.event === 'release' || line.event === 'refused' || line.event === 'failed';
  const { end, outcome } = await listen(run, {
    program: 'local-check',
    diskFloorBytes: 0,
    deadlineMs: CHECK_MS,
    isEnd,
  });
  return end ?? failed(run, `the look at it ended without an answer: ${wordsOf(outcome)}`);
}

/** Started again whenever it was cut off, by a boot above all: the job goes on with what it ordered. */
async function follow(run: Run, { deadlineMs, diskFreeBytes }: LocalRelease): Promise<LocalReport | Refused | Failed> {
  const { clock, say } = run.ports;
  const until = clock.now() + deadlineMs + SLACK_MS;
  const isEnd = (line: LocalLine): line is LocalReport | Refused | Failed =>
    line.event === 'refused' || line.event === 'failed' || (line.event === 'report' && isOver(line));
  let outcome: JobOutcome | null = null;
  for (let cutOffs = 0; cutOffs < MAX_CUT_OFFS && clock.now() < until;) {
    const left = { deadlineMs: until - clock.now(), diskFloorBytes: defaultPolicy.diskFloorBytes + diskFreeBytes };
    const attempt = await listen(run, { program: 'local', ...left, isEnd });
    if (attempt.end !== null) return attempt.end;
    outcome = attempt.outcome;
    const isAway = outcome.outcome === 'failed' && outcome.kind === 'unreachable';
    const isCutOff = outcome.outcome === 'exited' || outcome.kind === 'lost';
    if (!isAway && !isCutOff) break;
    if (isCutOff) cutOffs += 1;
    say({ event: 'away', why: wordsOf(outcome) });
    await clock.sleep(AWAY_MS);
  }
  const why = outcome === null ? 'there was no time' : wordsOf(outcome);
  if (outcome?.outcome === 'failed' && outcome.kind === 'unreachable') throw new Unreachable(lastWords(run, why));
  return { event: 'failed', message: lastWords(run, why) };
}

type Started<End extends LocalLine> = Program & {
  readonly deadlineMs: number;
  readonly isEnd: (line: LocalLine) => line is End;
};

/** Runs a job, passing on what it says; with its last word, if it had one. */
async function listen<End extends LocalLine>(
  run: Run,
  { isEnd, deadlineMs, ...program }: Started<End>,
): Promise<{ readonly end: End | null; readonly outcome: JobOutcome }> {
  const ends: End[] = [];
  const onLine = (text: string): void => {
    const line = parseLocalLine(text);
    if (line === null) return;
    if (isEnd(line)) ends.push(line);
    run.ports.say(line);
  };
  const outcome = await run.ports.engine.runJob({ ...job(run, program), deadlineMs, onLine });
  return { end: ends.at(-1) ?? null, outcome };
}

type Program = { readonly program: 'local-check' | 'local'; readonly diskFloorBytes: number };

function job({ request, image }: Run, { program, diskFloorBytes }: Program): Omit<Job, 'deadlineMs'> {
  const { upgrade, action, host } = request;
  return {
    name: `refit-${program}-${upgrade}`,
    image: image.id,
    command: [program],
    binds: LOCAL_BINDS,
    env: {
      REFIT_RELEASE_DIGEST: image.digest,
      REFIT_CONTENTS_DIGEST: image.contents,
      REFIT_RELEASE_REPOSITORY: image.repository,
      REFIT_DISK_FLOOR_BYTES: String(diskFloorBytes),
      REFIT_AGENT_CONFIG: request.agentConfig,
      REFIT_LOCAL_ACTION: action,
      REFIT_LOCAL_UPGRADE: upgrade,
      REFIT_ACCEPT_RISKS: request.acceptRisks.join('\n'),
      REFIT_EDITED: request.edited ?? '',
    },
    labels: { 'dev.refit.upgrade': upgrade, 'dev.refit.host': host, 'dev.refit.job': program },
    networkMode: 'none',
  };
}

const failed = ({ request }: Run, why: string): Failed => ({
  event: 'failed',
  message: `host ${request.host}: ${why}`,
});

const lastWords = ({ request }: Run, why: string): string =>
  `host ${request.host}: ${why}; its agent ends upgraded or as it was by itself, look on the host: journalctl -u refit-agent`;

const wordsOf = (outcome: JobOutcome): string =>
  outcome.outcome === 'failed'
    ? outcome.message
    : `exit code ${outcome.exitCode}: ${outcome.lines.slice(-3).join(' | ') || 'it said nothing'}`;

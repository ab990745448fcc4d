import { releaseLabel } from '../../model/release.ts';
import type { LocalRelease, LocalReport } from '../../model/local-job.ts';
import type { LocalNews, LocalOutcome, LocalRequest } from '../local-upgrade.ts';
import { exitCodes, type ExitCode } from './exit.ts';
import { iso } from './progress-document.ts';
import { formatBytes, formatDuration } from './quantity.ts';

type Asked = Pick<LocalRequest, 'action' | 'host' | 'upgrade'>;
export type LocalOver = Extract<LocalOutcome, { readonly outcome: 'over' }>;

/** Tells people what happens, each thing once: a job that was started again says its lines anew. */
export function hostNarrator(asked: Asked, say: (line: string) => void): (news: LocalNews) => void {
  const told = new Set<string>();
  return (news) => {
    for (const line of newsLines(asked, news)) {
      if (told.has(line)) continue;
      told.add(line);
      say(line);
    }
  };
}

/** Pure. Nothing for what is told at the end. */
export function newsLines(asked: Asked, news: LocalNews): readonly string[] {
  const { host } = asked;
  switch (news.event) {
    case 'image': {
      const { image } = news;
      const unknown = `${image.digest} came without a registry, so that an upgrade of the fleet will install it again`;
      return [image.isFromRegistry ? `release ${image.repository}@${image.digest}` : `release ${unknown}`];
    }
    case 'release':
      return releaseLines(asked, news);
    case 'progress':
      return news.bytes < news.total ? [] : [`${host}: ${formatBytes(news.total)} copied`];
    case 'done':
      return [`${host}: agent ${news.agent} runs`];
    case 'report':
      return reportLines(host, news);
    case 'away':
      return [`${host}: its engine or the job is away; looking again`];
    case 'refused':
    case 'failed':
      return [];
  }
}

function releaseLines({ host, action, upgrade }: Asked, release: LocalRelease): readonly string[] {
  const { from, left } = release;
  const label = releaseLabel(release);
  if (action === 'revert') return [`${host}: takes ${label} back (${upgrade})`];
  const what = [
    ...(left.migrations.length === 0 ? [] : [`migrations ${left.migrations.join(', ')}`]),
    ...(left.services.length === 0 ? [] : [`services ${left.services.join(', ')}`]),
  ];
  return [
    `${host}: ${from ?? 'nothing'} → ${label} (${upgrade})`,
    ...(what.length === 0
      ? []
      : [
          `warning: only the host’s own steps are done here, not ${what.join(' and ')}: those are left to refit upgrade`,
        ]),
  ];
}

function reportLines(host: string, { phase, step, refused }: LocalReport): readonly string[] {
  if (refused !== null) return [];
  return [step === null ? `${host}: ${phase}` : `${host}: ${phase}, ${step.id} ${step.index + 1}/${step.count}`];
}

/** What the shell is told in the end. */
export function hostVerdict({ action, host }: Asked, over: LocalOver): { exitCode: ExitCode; message: string } {
  const { report, release } = over;
  const label = releaseLabel(release);
  const took = report.finishedAt === null ? '' : ` in ${formatDuration(report.finishedAt - report.startedAt)}`;
  const why = report.refused ?? report.error?.message ?? 'it did not say why';
  if (report.refused !== null) return { exitCode: exitCodes.failed, message: `host ${host} refused ${label}: ${why}` };
  if (report.phase === 'done' && action === 'install')
    return { exitCode: exitCodes.done, message: `host ${host} is on ${label}${took}` };
  if (report.phase === 'reverted' && action === 'revert')
    return { exitCode: exitCodes.done, message: `host ${host} is as it was before ${label}${took}` };
  const end = report.phase === 'reverted' ? 'went back' : `is ${report.phase}`;
  return { exitCode: exitCodes.failed, message: `host ${host} ${end} from ${label}${took}: ${why}` };
}

/** For programs: one host, as it ended. */
export function hostDocument({ host, upgrade }: Asked, { release, report }: LocalOver): object {
  const { phase, step, error, refused, startedAt, finishedAt } = report;
  return {
    ...{ host, upgrade, release: releaseLabel(release), from: release.from },
    state: refused === null ? phase : 'refused',
    phase,
    left: release.left,
    step: step?.id ?? error?.step ?? null,
    error: refused ?? error?.message ?? null,
    startedAt: iso(startedAt),
    finishedAt: iso(finishedAt),
  };
}

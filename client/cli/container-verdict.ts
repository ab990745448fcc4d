import type { ContainerProgress } from '../../model/container-upgrade.ts';
import type { RunLook } from '../run-look.ts';
import { exitCodes } from './exit.ts';
import { formatDuration } from './quantity.ts';
import { runVerdict } from './run-verdict.ts';
import { shortImage } from './standing-lines.ts';
import type { Verdict } from './verdict.ts';

/** What the shell and the person hear at the end of a command that followed a container's upgrade. */
export const containerVerdict = (look: RunLook<ContainerProgress>, asked: 'upgrade' | 'rollback'): Verdict =>
  runVerdict(look, (progress) => ofProgress(progress, asked));

function ofProgress(progress: ContainerProgress, asked: 'upgrade' | 'rollback'): Verdict {
  const { id, host, container, error } = progress;
  const name = `${container} on ${host}`;
  switch (progress.state) {
    case 'succeeded':
      return { exitCode: exitCodes.done, message: succeeded(progress) };
    case 'alreadyThere':
      return { exitCode: exitCodes.done, message: `nothing had to be done: ${name} has that image and configuration` };
    case 'rolledBack':
      // Without an error it was asked for, perhaps by another command.
      return asked === 'rollback' || error === null
        ? { exitCode: exitCodes.done, message: `${name} is its earlier container again` }
        : {
            exitCode: exitCodes.failed,
            message: `${name} was not upgraded, and is the old container again, as before: ${error}`,
          };
    case 'failed':
      return { exitCode: exitCodes.failed, message: `upgrade ${id} failed: ${error ?? 'unknown cause'}` };
    case 'running':
      return {
        exitCode: exitCodes.done,
        message: `upgrade ${id} goes on; watch it with: refit container watch ${host} ${container}`,
      };
  }
}

function succeeded({ id, host, container, to, awayMs, keptUntil, notes }: ContainerProgress): string {
  const image = to === null ? 'its new image' : shortImage(to.image);
  const away = awayMs === null ? '' : `; it was away for ${formatDuration(awayMs)}`;
  const kept =
    keptUntil === null
      ? []
      : [
          `its old container is kept until ${new Date(keptUntil).toISOString()}; back with: refit container rollback ${host} ${container}`,
        ];
  return [
    `upgrade ${id} succeeded: ${container} on ${host} is on ${image}${away}`,
    ...kept,
    ...notes.map((note) => `note: ${note}`),
  ].join('\n');
}

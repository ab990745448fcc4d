import type { ContainerProgress } from '../../model/container-upgrade.ts';
import type { Line } from './progress-lines.ts';
import { formatDuration } from './quantity.ts';
import { shortImage } from './standing-lines.ts';
import { waitChanges, waitLines } from './wait-lines.ts';

/** A container's upgrade at one moment. Pure. */
export function containerLines(progress: ContainerProgress, now: number): readonly Line[] {
  const { startedAt, finishedAt, error } = progress;
  const took = formatDuration((finishedAt ?? now) - startedAt);
  return [
    { text: `${headOf(progress)}   ${took}`, tone: 'strong' },
    { text: `  ${describeContainer(progress)}`, tone: toneOf(progress) },
    ...(error === null ? [] : [{ text: `  ${error}`, tone: 'bad' } as const]),
    ...waitLines(progress.waiting, now),
  ];
}

/** What is new since the last look, for a log that can't be redrawn. Pure. */
export function containerChanges(before: ContainerProgress | null, after: ContainerProgress): readonly string[] {
  const isNew = before === null || describeContainer(before) !== describeContainer(after);
  return [
    ...(before === null ? [headOf(after)] : []),
    ...(isNew ? [`${after.container} on ${after.host}: ${describeContainer(after)}`] : []),
    ...waitChanges(before?.waiting ?? [], after.waiting),
  ];
}

/** `Updating, replacing, registry.lab:5000/db:1 → registry.lab:5000/db@sha256:…`. */
export function describeContainer({ state, member, stage, from, to }: ContainerProgress): string {
  const images = [from?.image, to?.image].flatMap((image) => (image === undefined ? [] : shortImage(image)));
  const what = state === 'running' ? [member, ...(stage === null ? [] : [stage])] : [state];
  return [...what, ...(images.length === 0 ? [] : [[...new Set(images)].join(' → ')])].join(', ');
}

const headOf = ({ id, container, host, fleet }: ContainerProgress): string =>
  `upgrade ${id}: container ${container} on ${host}, fleet ${fleet}`;

function toneOf({ state, member }: ContainerProgress): Line['tone'] {
  if (state === 'failed' || state === 'rolledBack') return 'bad';
  if (state === 'succeeded' || state === 'alreadyThere') return 'good';
  return member === 'Updating' ? 'working' : 'quiet';
}

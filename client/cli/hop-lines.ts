import { isOver, type HopProgress, type Progress } from '../../model/upgrade.ts';
import type { Line } from './progress-lines.ts';

/** Where the upgrade is on its path, and the path; nothing where one hop is all there is. Pure. */
export function hopLines(progress: Progress): readonly Line[] {
  const text = describeHop(progress);
  if (text === null) return [];
  const path: Line = { text: `  ${pathText(progress)}`, tone: 'quiet' };
  return isOver(progress.state) ? [path] : [{ text, tone: 'strong' }, path];
}

/** `hop 2 of 3: 4.1.1`; null: one hop is all there is. */
export function describeHop({ hops }: Pick<Progress, 'hops'>): string | null {
  const index = hopAtWork(hops);
  const hop = hops[index];
  return hop === undefined || hops.length < 2 ? null : `hop ${index + 1} of ${hops.length}: ${hop.to}`;
}

/** Where hosts at work are on their way to; null: one hop is all there is. */
export const versionAtWork = ({ hops }: Pick<Progress, 'hops'>): string | null =>
  hops.length < 2 ? null : (hops[hopAtWork(hops)]?.to ?? null);

/** `4.0.1 done → 4.1.1 running → 4.2.0 pending`. */
export const pathText = ({ hops }: Pick<Progress, 'hops'>): string =>
  hops.map(({ to, state }) => `${to} ${state}`).join(' → ');

/** How far a roll back can go, for whoever may want one: while all is well it is no news. */
export function wayBackLines({ state, checkpoints, forwardOnly }: Progress): readonly Line[] {
  if (state === 'running' || state === 'succeeded') return [];
  const places = isOver(state) || checkpoints.length < 2 ? [] : [`a roll back can stop at: ${checkpoints.join(', ')}`];
  return [...(forwardOnly === null ? [] : [forwardOnly]), ...places].map((text) => ({ text, tone: 'plain' }));
}

/** The one that is under way, else the one that was last taken back, else the next, else the last. */
function hopAtWork(hops: readonly HopProgress[]): number {
  const first = (...states: readonly HopProgress['state'][]): number =>
    hops.findIndex(({ state }) => states.includes(state));
  const found = [first('running', 'rollingBack'), first('rolledBack'), first('pending')].find((index) => index >= 0);
  return found ?? hops.length - 1;
}

import type { HostId } from './ids.ts';

/** What a wave knows of its hosts when it decides who goes next. */
export type WaveView = {
  /** In the order in which they go. */
  readonly hosts: readonly { readonly name: HostId; readonly state: 'pending' | 'atWork' | 'succeeded' | 'failed' }[];
  readonly maxUnavailable: number;
  /** The first host goes alone, and the others wait until it is healthy. */
  readonly gatekeeper: boolean;
  /** Nothing new starts: an operator's pause, or a failure elsewhere. */
  readonly stopped: boolean;
};

/**
 * Hosts to order now. Pure.
 *
 * 1. Never more than maxUnavailable hosts out of service: those at work, and those that failed.
 * 2. After a failure nobody new starts: what happens next is the policy's to say.
 * 3. The gatekeeper goes alone.
 */
export function nextHosts(view: WaveView): readonly HostId[] {
  const isFailed = view.hosts.some((host) => host.state === 'failed');
  if (view.stopped || isFailed) return [];
  const first = view.hosts[0];
  if (view.gatekeeper && first !== undefined && first.state !== 'succeeded') {
    return first.state === 'pending' ? [first.name] : [];
  }
  const atWork = view.hosts.filter((host) => host.state === 'atWork').length;
  const free = Math.max(0, view.maxUnavailable - atWork);
  return view.hosts
    .filter((host) => host.state === 'pending')
    .slice(0, free)
    .map((host) => host.name);
}

import { parseStepId, type ServiceId, type StepId } from '../model/ids.ts';
import type { Order } from '../model/bus.ts';
import { releaseLabel, type HostRelease, type Release, type ServiceRelease, type Step } from '../model/release.ts';

/** One member of a service, upgraded in place; an order for the service makes it of what the release says, no manifest does. */
export type MemberStep = Pick<ServiceRelease, 'image' | 'settings' | 'health'> & {
  readonly id: StepId;
  readonly type: 'member';
  readonly service: ServiceId;
  /** The container's name. */
  readonly name: string;
};

export type HostStep = Step | MemberStep;

/** All that one order asks of a host. */
export type HostWork = Omit<HostRelease, 'steps'> & { readonly steps: readonly HostStep[] };

export type HostWorkReading =
  { readonly ok: true; readonly host: HostWork } | { readonly ok: false; readonly problem: string };

/** What the order asks for, in the words of the release that was verified on this host's disk, and in no others. */
export function readHostWork(order: Order, release: Release): HostWorkReading {
  if (order.action !== 'service') return { ok: true, host: release.host };
  const service = release.services.find(({ name }) => name === order.service?.name);
  if (order.service === null || service === undefined) {
    const names = release.services.map(({ name }) => name).join(', ') || 'none';
    const problem = `release ${releaseLabel(order.release)} has no service ${order.service?.name ?? 'without a name'}; it has: ${names}`;
    return { ok: false, problem };
  }
  return { ok: true, host: serviceWork(service, order.service.containers, order.deadlineMs) };
}

/** A member's own health is a part of its step, so the host has none to wait for. */
function serviceWork(service: ServiceRelease, containers: readonly string[], deadlineMs: number): HostWork {
  const { name, image, settings, health } = service;
  const steps = [...new Set(containers)].map((container, index): MemberStep => {
    const id = parseStepId(`member-${index + 1}`);
    return { id, type: 'member', service: name, name: container, image, settings, health };
  });
  return { deadlineMs, diskFreeBytes: 0, steps, health: { probes: [], minHealthyTimeMs: 0, deadlineMs } };
}

import { bootStepId, confirmStepId, parseStepId, type ServiceId, type StepId } from '../model/ids.ts';
import type { Order } from '../model/bus.ts';
import {
  releaseLabel,
  type KernelStep,
  type Health,
  type HostRelease,
  type Release,
  type ServiceRelease,
  type Step,
} from '../model/release.ts';

/** One member of a service, upgraded in place; an order for the service makes it of what the release says, no manifest does. */
export type MemberStep = Pick<ServiceRelease, 'image' | 'settings' | 'health'> & {
  readonly id: StepId;
  readonly type: 'member';
  readonly service: ServiceId;
  /** The container's name. */
  readonly name: string;
};

/** The restart into a kernel step's kernel, by the boot loader's one-shot entry; every kernel step brings one, no manifest does. */
export type BootStep = {
  readonly id: StepId;
  readonly type: 'boot';
  readonly kernel: string;
  readonly timeoutMs: number;
};

/** After the restart: compares the running kernel, waits until the host is healthy on it, and makes it the default. */
export type ConfirmStep = {
  readonly id: StepId;
  readonly type: 'confirm';
  readonly kernel: string;
  /** Name of the package that brings it. */
  readonly package: string;
  readonly health: Health;
};

export type HostStep = Step | MemberStep | BootStep | ConfirmStep;

/** What the agent's core does itself, since its own process ends with it. */
export type RestartStep = Extract<HostStep, { type: 'reboot' | 'boot' }>;
export const isRestart = (step: HostStep): step is RestartStep => step.type === 'reboot' || step.type === 'boot';

/** All that one order asks of a host. */
export type HostWork = Omit<HostRelease, 'steps'> & { readonly steps: readonly HostStep[] };

export type HostWorkReading =
  { readonly ok: true; readonly host: HostWork } | { readonly ok: false; readonly problem: string };

/** What the order asks for, in the words of the release that was verified on this host's disk, and in no others. */
export function readHostWork(order: Order, release: Release): HostWorkReading {
  if (order.action !== 'service') return { ok: true, host: releaseWork(release) };
  const service = release.services.find(({ name }) => name === order.service?.name);
  if (order.service === null || service === undefined) {
    const names = release.services.map(({ name }) => name).join(', ') || 'none';
    const problem = `release ${releaseLabel(order.release)} has no service ${order.service?.name ?? 'without a name'}; it has: ${names}`;
    return { ok: false, problem };
  }
  return { ok: true, host: serviceWork(service, order.service.containers, order.deadlineMs) };
}

/** A kernel is three steps of the host's: installed, started, confirmed. */
export function releaseWork({ host }: Pick<Release, 'host'>): HostWork {
  return { ...host, steps: host.steps.flatMap((step) => (step.type === 'kernel' ? kernelWork(step) : [step])) };
}

function kernelWork(step: KernelStep): readonly HostStep[] {
  const { id, kernel, timeoutMs, health } = step;
  return [
    step,
    { id: bootStepId(id), type: 'boot', kernel, timeoutMs },
    { id: confirmStepId(id), type: 'confirm', kernel, package: step.package.name, health },
  ];
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

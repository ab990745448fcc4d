import type { ContainerSettings, RefusedReplacement } from '../../../model/replacement.ts';
import { isPort } from '../ports.ts';
import type { ContainerInspect } from './inspected.ts';
import { isVolume } from './volumes.ts';

export type Refusal = { readonly why: RefusedReplacement; readonly reason: string };

/** On every task of Docker's own services, which recreates its tasks by itself. */
const SWARM_LABEL = 'com.docker.swarm.task.id';

/** Why the container can't be replaced; null: it can. */
export function refusalOf(name: string, old: ContainerInspect | null, settings: ContainerSettings): Refusal | null {
  if (old?.HostConfig.AutoRemove === true) {
    const reason = `container ${name} was run with --rm: its stop removes it, so there is no way back; run it without --rm first`;
    return { why: 'wayBack', reason };
  }
  if (old !== null && SWARM_LABEL in old.Config.Labels) {
    const reason = `container ${name} is a task of a swarm service, which would put it back; use: docker service update`;
    return { why: 'wayBack', reason };
  }
  if (old?.State.Paused === true) {
    return { why: 'paused', reason: `container ${name} is paused; go on with: docker unpause ${name}` };
  }
  const problem = problemOf(settings);
  return problem === null ? null : { why: 'settings', reason: `container ${name}: ${problem}` };
}

function problemOf(settings: ContainerSettings): string | null {
  const { ports = [], volumes = [], env = {}, memoryBytes = 0, cpus = 1 } = settings;
  const port = ports.find((text) => !isPort(text));
  if (port !== undefined) return `expected a port such as 8080:80/tcp, got "${port}"`;
  const volume = volumes.find((text) => !isVolume(text));
  if (volume !== undefined) return `expected a volume such as data:/var/lib/data:ro, got "${volume}"`;
  const variable = Object.keys(env).find((text) => text === '' || text.includes('='));
  if (variable !== undefined) return `expected the name of a variable, got "${variable}"`;
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < 0) return `expected memory in bytes, got ${memoryBytes}`;
  if (!Number.isFinite(cpus) || cpus <= 0) return `expected a number of processors such as 0.5, got ${cpus}`;
  return null;
}

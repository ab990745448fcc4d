import type { ContainerHealth, ContainerProbe } from '../../../model/replacement.ts';
import { lookOver } from '../../probe.ts';
import { ageOf } from '../age.ts';
import { execIn } from './exec.ts';
import { cut, lastWords } from './last-words.ts';
import { lookAt, type ContainerLook } from './look.ts';
import { rest, type Site } from './site.ts';

/** How often a new container is looked at; ms. */
const LOOK_MS = 200;
/** What an attempt that finds the deadline over already has for a look of its own, beyond `minHealthyTimeMs`; ms. */
const LATE_MS = 5_000;

type Waiting = {
  readonly id: string;
  readonly health: ContainerHealth;
  /** It may be an old one: what was before the first look is not held against it. */
  readonly mayHaveRestarted?: boolean;
  /** Called at each look. */
  readonly onLook: () => void;
};

/**
 * Waits until the new container is well. null: it is; else why it is not.
 *
 * 1. Well: it runs, its own check says healthy if it has one, the probe holds if one is given; all of it for
 *    `minHealthyTimeMs` without a break.
 * 2. An exit, a restart or an unhealthy word of its own check ends the wait: nothing gets better by waiting.
 * 3. The deadline counts from its start by the engine's clock, also over attempts; an attempt that comes late has a look all
 *    the same, since a worker's absence is not the container's fault.
 * 4. Running is known to be without a break since its start, also while nobody looked; the rest counts from the first look.
 */
export async function waitUntilWell(
  site: Site,
  { id, health, mayHaveRestarted = false, onLook }: Waiting,
): Promise<string | null> {
  const { minHealthyTimeMs, deadlineMs, probe } = health;
  const first = await lookAt(site, id);
  const restarts = mayHaveRestarted ? (first?.restarts ?? 0) : 0;
  const ageMs = first === null ? 0 : await ageOf(site, first.startedAt);
  const begin = performance.now();
  const deadline = begin + Math.max(deadlineMs - ageMs, Math.min(deadlineMs, minHealthyTimeMs + LATE_MS));
  const isKnown = probe === null && first?.health.status === 'none';
  let wellSince = isKnown ? begin - ageMs : null;
  let problem = 'it was not looked at in time';
  for (;;) {
    onLook();
    const look = await lookAt(site, id);
    const end = await endOf(site, look, first === null ? null : { ...first, restarts });
    if (end !== null || look === null) return end;
    problem = await problemOf(site, look, probe).then((found) => {
      wellSince = found === null ? (wellSince ?? performance.now()) : null;
      return found ?? problem;
    });
    const now = performance.now();
    if (wellSince !== null && now - wellSince >= minHealthyTimeMs) return null;
    if (now >= deadline)
      return `not healthy for ${minHealthyTimeMs} ms within ${deadlineMs} ms of its start: ${problem}`;
    await rest(site, LOOK_MS);
  }
}

/** What can't get better; null: it runs since its start. */
async function endOf(site: Site, look: ContainerLook | null, first: ContainerLook | null): Promise<string | null> {
  if (look === null || first === null) return 'it was removed by somebody else';
  if (!look.running) return lastWords(site, look);
  // Between two restarts the engine shows the code of the last end.
  if (look.restarts > first.restarts || look.startedAt !== first.startedAt || look.status === 'restarting')
    return `it was restarted: ${await lastWords(site, look)}`;
  if (look.health.status === 'unhealthy') return `its own health check failed${said(look)}`;
  return null;
}

/** What may still get better; null: it is well. */
async function problemOf(site: Site, look: ContainerLook, probe: ContainerProbe | null): Promise<string | null> {
  if (look.health.status === 'starting') return `its own health check says starting${said(look)}`;
  if (probe === null) return null;
  if (probe.type === 'exec') return execIn(site, look.id, probe.command);
  return lookOver(probe, site.signal);
}

/** What the check printed; many print nothing. */
function said({ health }: ContainerLook): string {
  const words = cut(health.output);
  return words === '' ? '' : `: ${words}`;
}

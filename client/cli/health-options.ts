import type { Command } from 'commander';
import type { ContainerHealth, ContainerProbe } from '../../model/replacement.ts';
import { defaultServicePolicy } from '../../model/service.ts';
import { exitCodes, fail } from './exit.ts';
import { parseProbe } from './probe.ts';
import { formatDuration, parseDuration } from './quantity.ts';

export type HealthOptions = {
  readonly probe?: ContainerProbe;
  readonly minHealthy?: number;
  readonly deadline?: number;
};

/** When a new container counts as healthy. */
export const addHealthOptions = (command: Command): Command =>
  command
    .option(
      '--probe <probe>',
      'also ask http://…, tcp://host:port (from the worker), or exec:COMMAND in the container',
      parseProbe,
    )
    .option('--min-healthy <time>', 'it must stay healthy for this long (default: 5s)', parseDuration)
    .option('--deadline <time>', 'it must be healthy within this time of its start (default: 2m)', parseDuration);

export function healthFromOptions({ probe, minHealthy, deadline }: HealthOptions): ContainerHealth {
  const health = {
    minHealthyTimeMs: minHealthy ?? defaultServicePolicy.health.minHealthyTimeMs,
    deadlineMs: deadline ?? Math.max(defaultServicePolicy.health.deadlineMs, 2 * (minHealthy ?? 0)),
    probe: probe ?? null,
  };
  if (health.deadlineMs > health.minHealthyTimeMs) return health;
  const [least, most] = [health.minHealthyTimeMs, health.deadlineMs].map(formatDuration);
  fail(exitCodes.wrongInput, `expected a --deadline longer than --min-healthy (${least}), got ${most}`);
}

import { isOwnLabel } from '../../../model/replacement.ts';
import type { ContainerInspect, ImageConfig } from './inspected.ts';
import { sameTexts, userCommand } from './command.ts';

type Config = ContainerInspect['Config'];

/**
 * What a person set on the container. An engine merges the image's configuration into the container's at its creation, and
 * keeps no record of it: what equals the image's counts as the image's.
 */
export function userSet({ Config: config, HostConfig: host }: ContainerInspect, image: ImageConfig): Config {
  const isPublished = (port: string): boolean => port in host.PortBindings;
  return {
    ...config,
    ...userCommand(config, image),
    Env: config.Env.filter((entry) => !image.Env.includes(entry)),
    Labels: entriesOf(config.Labels, ([name, value]) => !isOwnLabel(name) && image.Labels[name] !== value),
    // A published port is to stay exposed when the new image no longer exposes it.
    ExposedPorts: entriesOf(config.ExposedPorts, ([port]) => !(port in image.ExposedPorts) || isPublished(port)),
    Volumes: entriesOf(config.Volumes, ([path]) => !(path in image.Volumes)),
    Healthcheck: userHealthcheck(config.Healthcheck, image.Healthcheck),
    User: config.User === image.User ? '' : config.User,
    WorkingDir: config.WorkingDir === image.WorkingDir ? '' : config.WorkingDir,
    StopSignal: config.StopSignal === image.StopSignal ? '' : config.StopSignal,
    Shell: sameTexts(config.Shell, image.Shell) ? [] : config.Shell,
  };
}

function entriesOf<Value>(
  record: Readonly<Record<string, Value>>,
  isKept: (entry: readonly [string, Value]) => boolean,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(record).filter(isKept));
}

/** Merged field by field, so taken apart in the same way. */
function userHealthcheck(own: Config['Healthcheck'], image: ImageConfig['Healthcheck']): Config['Healthcheck'] {
  if (own === null || own === undefined || image === null || image === undefined) return own;
  const kept = Object.entries(own).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(image[name]));
  return kept.length === 0 ? null : { Test: [], ...Object.fromEntries(kept) };
}

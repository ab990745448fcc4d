import { createHash } from 'node:crypto';
import { mergedCommand } from './command.ts';
import { filled, type Draft } from './draft.ts';
import type { ImageConfig } from './inspected.ts';
import { isUsualSwap } from './limits.ts';

/**
 * Digest of what a draft makes of a container of that image: equal for two drafts exactly if the containers would be equal.
 * So the image's configuration is merged as an engine does it, and what is a set is sorted.
 */
export function digestOf(draft: Draft, image: { readonly reference: string; readonly config: ImageConfig }): string {
  const { host, restart } = draft;
  const made = {
    image: image.reference,
    config: filled(mergedConfig(draft.config, image.config)),
    host: filled({
      ...host,
      Binds: host.Binds.toSorted(),
      Links: host.Links.toSorted(),
      MemorySwap: isUsualSwap(host) ? null : host.MemorySwap,
      RestartPolicy: null,
    }),
    networks: networksOf(draft),
    restart,
  };
  return `sha256:${createHash('sha256').update(canonical(made)).digest('hex')}`;
}

function mergedConfig(config: Draft['config'], image: ImageConfig): Readonly<Record<string, unknown>> {
  return {
    ...config,
    ...mergedCommand(config, image),
    Image: null,
    Env: mergedEnv(config.Env, image.Env).toSorted(),
    Labels: { ...image.Labels, ...config.Labels },
    ExposedPorts: Object.keys({ ...image.ExposedPorts, ...config.ExposedPorts }).sort(),
    Volumes: Object.keys({ ...image.Volumes, ...config.Volumes }).sort(),
    Healthcheck: mergedHealthcheck(config.Healthcheck, image.Healthcheck),
    User: config.User || image.User,
    WorkingDir: config.WorkingDir || image.WorkingDir,
    StopSignal: config.StopSignal || image.StopSignal,
    Shell: config.Shell.length > 0 ? config.Shell : image.Shell,
  };
}

function mergedEnv(env: readonly string[], ofImage: readonly string[]): readonly string[] {
  const names = new Set(env.map((entry) => entry.split('=')[0]));
  return [...env, ...ofImage.filter((entry) => !names.has(entry.split('=')[0]))];
}

function mergedHealthcheck(own: Draft['config']['Healthcheck'], image: ImageConfig['Healthcheck']): unknown {
  return { ...filled(image ?? {}), ...filled(own ?? {}) };
}

/** The engine adds the hostname to the aliases of its own accord. */
function networksOf({ config, networks }: Draft): unknown {
  return Object.entries(networks).map(([name, endpoint]) => {
    const aliases = endpoint.Aliases?.filter((alias) => alias !== config.Hostname);
    return [name, filled({ ...endpoint, Aliases: aliases?.toSorted(), Links: endpoint.Links?.toSorted() })];
  });
}

/** JSON with sorted names. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === undefined) return 'null';
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}

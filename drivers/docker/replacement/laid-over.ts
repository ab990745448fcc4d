import type { ContainerSettings, RestartSetting } from '../../../model/replacement.ts';
import { portBindings } from '../ports.ts';
import { layCommand } from './command.ts';
import type { Draft } from './draft.ts';
import type { ImageConfig } from './inspected.ts';
import { layLimits } from './limits.ts';
import { layVolumes } from './volumes.ts';

/** The draft with the settings over it; what they leave out stays. */
export function laidOver(draft: Draft, settings: ContainerSettings, image: ImageConfig): Draft {
  const { config, host } = draft;
  const own = {
    ...draft,
    config: {
      ...config,
      ...layCommand(config, settings, image),
      Env: layEnv(config.Env, settings, image),
      Labels: layLabels(config.Labels, settings),
      User: settings.user ?? config.User,
      WorkingDir: settings.workdir ?? config.WorkingDir,
      Hostname: settings.hostname ?? config.Hostname,
    },
    host: layLimits(host, settings),
    restart: layRestart(draft.restart, settings),
    notes: [...draft.notes, ...labelNotes(settings, image)],
  };
  return layVolumes(layPorts(own, settings.ports), settings.volumes);
}

function layEnv(env: readonly string[], settings: ContainerSettings, image: ImageConfig): string[] {
  const { env: added = {}, unsetEnv = [] } = settings;
  const isTouched = (entry: string): boolean => nameOf(entry) in added || unsetEnv.includes(nameOf(entry));
  const unset = unsetEnv.filter((name) => !(name in added));
  // A name without a value keeps the image's value away.
  const hidden = unset.filter((name) => image.Env.some((entry) => nameOf(entry) === name));
  const given = Object.entries(added).map(([name, value]) => `${name}=${value}`);
  return [...env.filter((entry) => !isTouched(entry)), ...given, ...hidden];
}

const nameOf = (entry: string): string => entry.split('=')[0] ?? '';

function layLabels(labels: Readonly<Record<string, string>>, settings: ContainerSettings): Record<string, string> {
  const { labels: added = {}, unsetLabels = [] } = settings;
  const left = Object.entries(labels).filter(([name]) => !unsetLabels.includes(name));
  return { ...Object.fromEntries(left), ...added };
}

const labelNotes = ({ labels = {}, unsetLabels = [] }: ContainerSettings, image: ImageConfig): readonly string[] =>
  unsetLabels
    .filter((name) => name in image.Labels && !(name in labels))
    .map((name) => `label ${name} comes from the image, where no container can take it off`);

/** Retries belong to the policy that they were set with. */
function layRestart(old: RestartSetting, { restart }: ContainerSettings): RestartSetting {
  return restart === undefined || restart === old.policy ? old : { policy: restart, retries: 0 };
}

function layPorts(draft: Draft, ports: readonly string[] = []): Draft {
  const bindings = portBindings(ports);
  const exposed = Object.fromEntries(Object.keys(bindings).map((port) => [port, {}]));
  return {
    ...draft,
    config: { ...draft.config, ExposedPorts: { ...draft.config.ExposedPorts, ...exposed } },
    host: { ...draft.host, PortBindings: { ...draft.host.PortBindings, ...bindings } },
  };
}

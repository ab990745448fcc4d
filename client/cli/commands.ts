import type { Command } from 'commander';
import { apiOptionNames } from './api-options.ts';

/** A command that is loaded only when it is asked for, so that help and short commands start at once. */
export type LazyCommand = {
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  /** null: not asked for, only named in the help. */
  readonly load: (() => Promise<(program: Command) => void>) | null;
};

type KnownCommand = LazyCommand & { readonly load: NonNullable<LazyCommand['load']> };

const upgrading = 'Upgrades:';
const operating = 'While an upgrade runs:';
const looking = 'Fleet and releases:';
const serving = 'Programs:';
const operate = async (): Promise<(program: Command) => void> => (await import('./operate.ts')).registerOperate;

const known: readonly KnownCommand[] = [
  {
    name: 'upgrade',
    group: upgrading,
    summary: 'upgrade the fleet to a release, and follow it',
    load: async () => (await import('./upgrade.ts')).registerUpgrade,
  },
  {
    name: 'upgrades',
    group: upgrading,
    summary: 'what runs and what ran: list, show, watch, history',
    load: async () => (await import('./upgrades.ts')).registerUpgrades,
  },
  {
    name: 'container',
    group: upgrading,
    summary: 'one container in place: upgrade, rollback, watch',
    load: async () => (await import('./containers.ts')).registerContainers,
  },
  {
    name: 'service',
    group: upgrading,
    summary: 'a service’s members, in phases or all at once: upgrade, status, rollback and more',
    load: async () => (await import('./services.ts')).registerServices,
  },
  {
    name: 'unit',
    group: upgrading,
    summary: 'a blue/green unit: upgrade, status, rollback, delete-standby and more',
    load: async () => (await import('./units.ts')).registerUnits,
  },
  {
    name: 'host',
    group: upgrading,
    summary: 'one host by itself, without worker, Temporal or etcd: upgrade, rollback',
    load: async () => (await import('./host.ts')).registerHost,
  },
  { name: 'pause', group: operating, summary: 'start nothing new; what runs finishes', load: operate },
  { name: 'resume', group: operating, summary: 'go on after a pause, or once what failed is mended', load: operate },
  { name: 'rollback', group: operating, summary: 'take every changed host back, in reverse order', load: operate },
  { name: 'abort', group: operating, summary: 'end the upgrade and leave every host as it is', load: operate },
  { name: 'approve', group: operating, summary: 'let a step go on that waits for it', load: operate },
  { name: 'retry', group: operating, summary: 'order a host that failed once more', load: operate },
  { name: 'skip', group: operating, summary: 'leave a host that failed as it is and go on', load: operate },
  {
    name: 'plan',
    group: upgrading,
    summary: 'show what an upgrade would do; nothing is started',
    load: async () => (await import('./plan.ts')).registerPlan,
  },
  {
    name: 'fleet',
    group: looking,
    summary: 'every host: release, agent, engine, last report',
    load: async () => (await import('./fleet.ts')).registerFleet,
  },
  {
    name: 'bus',
    group: looking,
    summary: 'who may do what with the fleet’s keys in etcd: grant, check',
    load: async () => (await import('./bus.ts')).registerBus,
  },
  {
    name: 'release',
    group: looking,
    summary: 'build, show and publish releases',
    load: async () => (await import('./release.ts')).registerRelease,
  },
  {
    name: 'worker',
    group: serving,
    summary: 'run a worker of the fleet',
    load: async () => (await import('./worker.ts')).registerWorker,
  },
  {
    name: 'api',
    group: serving,
    summary: 'serve the REST API',
    load: async () => (await import('./api.ts')).registerApi,
  },
  {
    name: 'token',
    group: serving,
    summary: 'who may ask the API: create, list, revoke',
    load: async () => (await import('./token.ts')).registerToken,
  },
  {
    name: 'upgrader',
    group: serving,
    summary: 'worker and API as containers on hosts of the fleet: build, start, status',
    load: async () => (await import('./upgrader.ts')).registerUpgrader,
  },
  {
    name: 'dev',
    group: serving,
    summary: 'Temporal, a worker and the API in the foreground',
    load: async () => (await import('./dev.ts')).registerDev,
  },
  {
    name: 'lab',
    group: serving,
    summary: 'real hosts on this machine: up, down, status, exec',
    load: async () => (await import('./lab.ts')).registerLab,
  },
];

/** Every command for the help; the one that the arguments ask for, and those of its file, ready to run. */
export function commandsFor(argv: readonly string[]): readonly LazyCommand[] {
  const wanted = known.find((command) => command.name === commandName(argv));
  if (wanted === undefined) return known.map((command) => ({ ...command, load: null }));
  // One file may hold several commands: it registers all of them, once.
  return known
    .filter((command) => command === wanted || command.load !== wanted.load)
    .map((command) => (command === wanted ? command : { ...command, load: null }));
}

const WITH_VALUE: readonly string[] = ['--fleet', ...apiOptionNames];

/** `refit --fleet f upgrades show x` → `upgrades`; `refit help upgrades` → `upgrades`. */
export function commandName(argv: readonly string[]): string | undefined {
  const words = argv.filter((word, index) => !word.startsWith('-') && !WITH_VALUE.includes(argv[index - 1] ?? ''));
  return words[0] === 'help' ? words[1] : words[0];
}

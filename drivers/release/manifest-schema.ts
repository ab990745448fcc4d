import { z } from 'zod';
import { parseStepId } from '../../model/ids.ts';
import { MAX_SERVICES } from '../../model/service.ts';
import { MAX_UNITS } from '../../model/unit.ts';
import { Chain, Components, UpgradesFrom } from './jump-schema.ts';
import {
  Arguments,
  Command,
  Duration,
  Environment,
  FileMode,
  Image,
  list,
  matching,
  name,
  probes,
  Size,
  TargetPath,
  Version,
  Volume,
} from './manifest-fields.ts';
import { Backup, Migrations } from './migration-schema.ts';
import { Service } from './service-schema.ts';
import { Unit } from './unit-schema.ts';

/** `release.yaml` as authors write it. What comes out has the model's units: ms and bytes. */

const PORT = /^(?:\d{1,3}(?:\.\d{1,3}){3}:)?(\d{1,5}):(\d{1,5})(?:\/(?:tcp|udp))?$/;
const StepId = name('a step')
  .transform(parseStepId)
  .meta({ description: 'Names the step in plans, reports and errors; unique in the release.' });
const Account = matching('the name or number of an account, in quotes', /^([a-z_][a-z0-9_-]*\$?|\d+)$/);
const UnitName = matching(
  'a systemd unit such as sample.service',
  /^[\w:.@\\-]+\.(service|socket|timer|path|target|mount)$/,
);
const SourcePath = matching('a path in the release\'s folder, without ".."', /^(?!.*(^|\/)\.\.(\/|$))[^/\0][^\0]*$/);

const FilesStep = z.strictObject({
  id: StepId,
  type: z.literal('files'),
  files: list(
    z.strictObject({
      from: SourcePath.meta({ description: "The file in the release's folder." }),
      to: TargetPath.meta({ description: 'Where it goes on the host.' }),
      mode: FileMode.default('0644'),
      owner: Account.default('root'),
      group: Account.default('root'),
      ifEdited: z.enum(['replace', 'keep', 'ask']).default('replace').meta({
        description:
          "Of a file that an administrator changed: replace: the release's comes, the edited one stays beside it · keep: the other way round · ask: an operator says which.",
      }),
    }),
  ).min(1),
});

const PackageFile = matching(
  "the path of a .deb file in the release's folder",
  /^(?!.*(^|\/)\.\.(\/|$))[^/\0].*\.deb$/,
);

const PackagesStep = z.strictObject({ id: StepId, type: z.literal('packages'), files: list(PackageFile).min(1) });

const EngineStep = z.strictObject({
  id: StepId,
  type: z.literal('engine'),
  files: list(PackageFile)
    .min(1)
    .meta({ description: "The engine's own packages, such as docker.io and containerd, installed together." }),
  timeout: Duration.default(120_000).meta({
    description: 'How long the engine may take until it answers and runs what ran before.',
  }),
});

const UnitStep = z.strictObject({
  id: StepId,
  type: z.literal('unit'),
  unit: UnitName,
  enabled: z.boolean().default(true),
  state: z
    .enum(['started', 'restarted', 'stopped'])
    .default('started')
    .meta({ description: 'restarted: restarts it once in this upgrade, even if it runs.' }),
});

const RunStep = z.strictObject({
  id: StepId,
  type: z.literal('run'),
  check: Command.meta({ description: 'Exit code 0: the effect is there already, the command is not run.' }),
  command: Command,
  undo: Command.optional().meta({ description: 'Takes the effect back; without it nothing is done on the way back.' }),
  probe: Command.optional().meta({ description: 'Changes nothing, and fails where the command would.' }),
  timeout: Duration.default(60_000),
});

const RebootStep = z.strictObject({ id: StepId, type: z.literal('reboot'), timeout: Duration.default(300_000) });

const ContainerStep = z.strictObject({
  id: StepId,
  type: z.literal('container'),
  name: matching('a container name', /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/),
  image: Image,
  command: Arguments.default([]).meta({ description: "Instead of the image's own command." }),
  env: Environment.default({}),
  ports: list(
    matching('a port such as 8080:80 or 53:53/udp', PORT, isPort).transform((port) =>
      port.includes('/') ? port : `${port}/tcp`,
    ),
  ).default([]),
  volumes: list(Volume).default([]),
  network: matching('the name of a network', /^[a-zA-Z0-9][\w.-]*$/).default('bridge'),
  restart: z.enum(['no', 'always', 'unless-stopped', 'on-failure']).default('always'),
  base: z.enum(['stated', 'kept']).default('stated').meta({
    description: 'kept: what was set on the container that is there stays, and this is laid over it.',
  }),
  timeout: Duration.default(60_000).meta({ description: 'How long the new container may take until it runs.' }),
});

const Probe = z.discriminatedUnion('type', [...probes, z.strictObject({ type: z.literal('unit'), unit: UnitName })]);

const Health = z
  .strictObject({
    minHealthyTime: Duration.default(3_000).meta({ description: 'How long all probes must hold without a break.' }),
    deadline: Duration.default(60_000).meta({ description: 'Time after the last step to become healthy.' }),
    probes: list(Probe).default([]),
  })
  .refine((health) => health.minHealthyTime < health.deadline, {
    path: ['deadline'],
    error: 'a deadline must be longer than minHealthyTime, or no host can become healthy',
  });

const KernelStep = z
  .strictObject({
    id: StepId,
    type: z.literal('kernel'),
    file: PackageFile.meta({ description: "The kernel's own package, the one with a version in its name." }),
    timeout: Duration.default(300_000).meta({ description: 'How long the host may take to go down for its restart.' }),
    confirmWithin: Duration.default(300_000).meta({
      description: 'Time from the start of the kernel until it is confirmed; then the host goes back by itself.',
    }),
    health: Health.default({ minHealthyTime: 0, deadline: 60_000, probes: [] }).meta({
      description: 'What must hold on the new kernel before it is confirmed.',
    }),
  })
  .refine(({ confirmWithin, health }) => confirmWithin > health.deadline, {
    path: ['confirmWithin'],
    error: "confirmWithin must be longer than the health's deadline, or a slow host goes back while it is looked at",
  });

const Host = z.strictObject({
  deadline: Duration.default(600_000).meta({ description: 'Longest time a host may take; then it reverts.' }),
  diskFree: Size.default(200 * 1024 ** 2).meta({ description: 'What must be free besides the release itself.' }),
  steps: list(
    z.discriminatedUnion('type', [
      FilesStep,
      PackagesStep,
      UnitStep,
      RunStep,
      RebootStep,
      ContainerStep,
      KernelStep,
      EngineStep,
    ]),
  ).meta({ description: 'In this order; undone in reverse.' }),
  health: Health.default({ minHealthyTime: 0, deadline: 60_000, probes: [] }),
});

export const Manifest = z
  .strictObject({
    schema: z.literal(1).default(1),
    name: name('a'),
    version: Version,
    upgradesFrom: UpgradesFrom,
    chain: Chain,
    components: Components,
    fleets: list(matching("a fleet's name, in which * stands for any text", /^[a-z0-9.*-]+$/))
      .default([])
      .meta({ description: 'Fleets that the release is for; none named: every fleet.' }),
    host: Host.meta({ description: 'What is done on every host.' }),
    services: list(Service)
      .max(MAX_SERVICES)
      .default([])
      .meta({ description: 'Services to upgrade once all hosts are; infrastructure first, then in this order.' }),
    migrations: Migrations,
    backup: Backup.optional().meta({
      description: 'Made and verified before the first migration that is run; none: there is nothing to keep.',
    }),
    upgrader: z
      .strictObject({ image: Image })
      .optional()
      .meta({ description: "refit's own image: where a fleet carries the upgrader, it is brought to this one first." }),
    units: list(Unit)
      .max(MAX_UNITS)
      .default([])
      .meta({ description: 'Blue/green installations; each is upgraded by: refit unit upgrade NAME REF' }),
  })
  .meta({ title: 'refit release', description: 'A release of refit, written as release.yaml' });

export type Manifest = z.output<typeof Manifest>;

function isPort(port: string): boolean {
  const [, published, inside] = PORT.exec(port) ?? [];
  return [published, inside].every((number) => Number(number) >= 1 && Number(number) <= 65_535);
}

import { z } from 'zod';
import { parseServiceId } from '../../model/ids.ts';
import { Arguments, Command, Duration, Environment, FileMode, Image } from './manifest-fields.ts';
import { list, matching, name, TargetPath } from './manifest-fields.ts';

// What the containers of a unit are made of, and those of them that are no services.

/** Largest number that a tar header has room for: files travel to an engine in a tar. */
const MAX_ACCOUNT = 2_097_151;
const AccountNumber = z.int().nonnegative().max(MAX_ACCOUNT);

/** Longest that one job runs unless it says otherwise: a change of a small database, or a suite of tests; ms. */
const JOB_TIMEOUT_MS = 5 * 60_000;

const File = z.strictObject({
  file: matching(
    'the name that the fleet file has for a file, such as tls-key',
    /^[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/,
  ).meta({ description: "The fleet file's name for it: its content is the site's, and in no release." }),
  to: TargetPath.meta({ description: 'Where it goes in the container.' }),
  mode: FileMode.default('0400'),
  uid: AccountNumber.default(0),
  gid: AccountNumber.default(0),
});

export const UnitServiceName = name('a service').transform(parseServiceId);

export const unitContainer = {
  image: Image,
  command: Arguments.default([]).meta({ description: "Instead of the image's own command; may have tokens." }),
  entrypoint: Command.optional(),
  env: Environment.default({}).meta({
    description: 'Environment variables; numbers in quotes. May have tokens such as {slot} or {db.address}.',
  }),
  files: list(File).default([]).meta({ description: 'Put into the container before it starts.' }),
};

export const Volumes = list(
  matching(
    'a volume such as data:/data, shop-{slot}-data:/data or /etc/shop:/etc/shop:ro',
    /^(\/[^:\0]*|[a-zA-Z0-9{][\w.{}-]*):\/[^:\0]*(:ro)?$/,
  ),
)
  .default([])
  .meta({ description: 'Volumes whose name begins with the unit and the slot go with the slot.' });

export const AddOn = z.strictObject({ name: UnitServiceName, ...unitContainer, volumes: Volumes });

const job = {
  ...unitContainer,
  beside: UnitServiceName.optional().meta({ description: 'On the host, and in the network, of its first member.' }),
  timeout: Duration.default(JOB_TIMEOUT_MS),
};

export const AccountData = z.strictObject(job);

export const UnitTest = z.strictObject({ name: name('a test'), ...job });

export const Migration = z.strictObject({
  name: name('a migration'),
  when: z.enum(['expand', 'contract']).meta({
    description: "expand: before the new slot's services start · contract: once the other slot is gone.",
  }),
  ...job,
  check: Command.optional().meta({ description: 'Exit code 0: it is applied already, and not run again.' }),
  down: Command.optional().meta({ description: 'The way back.' }),
  compatible: z.boolean().default(false).meta({
    description: 'true: the release before works with what it does, so a return leaves it in place.',
  }),
});

import { z } from 'zod';
import { isName, parseServiceId } from '../../model/ids.ts';

// Part of release.json: the agent runs this on every host, so nothing but zod and the model is imported here.

const Command = z.array(z.string()).min(1);
const Name = z.string().refine(isName, 'expected a name');

const job = {
  image: z.string(),
  entrypoint: Command.nullable(),
  env: z.record(z.string(), z.string()),
  volumes: z.array(z.string()),
  beside: Name.transform(parseServiceId),
  timeoutMs: z.int().nonnegative(),
};

export const MigrationJson = z.object({
  ...job,
  name: Name,
  when: z.enum(['expand', 'contract']),
  up: Command,
  check: Command,
  down: Command.nullable(),
  compatible: z.boolean(),
});

export const BackupJson = z.object({ ...job, command: Command, verify: Command });

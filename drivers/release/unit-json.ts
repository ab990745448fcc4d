import { z } from 'zod';
import { isName, parseServiceId, parseUnitId } from '../../model/ids.ts';

// Part of release.json: the agent runs this on every host, so nothing but zod and the model is imported here.

const Command = z.array(z.string());
const Name = z.string().refine(isName, 'expected a name');
const ServiceName = Name.transform(parseServiceId);
const Count = z.int().nonnegative();
const Texts = z.record(z.string(), z.string());

const container = {
  image: z.string(),
  command: Command,
  entrypoint: Command.min(1).nullable(),
  env: Texts,
  files: z.array(z.object({ file: z.string(), to: z.string(), mode: z.string(), uid: Count, gid: Count })),
};

const Probe = z.discriminatedUnion('type', [
  z.object({ type: z.literal('http'), path: z.string(), status: Count, contains: z.string().nullable() }),
  z.object({ type: z.literal('tcp') }),
  z.object({ type: z.literal('exec'), command: Command.min(1) }),
]);

const Service = z.object({
  name: ServiceName,
  ...container,
  shared: z.boolean(),
  members: Count.min(1),
  placement: z.object({ labels: Texts, perHost: Count.min(1) }),
  dependsOn: z.array(ServiceName),
  port: z.object({ inside: Count, blue: Count, green: Count }).nullable(),
  volumes: z.array(z.string()),
  memoryBytes: Count.nullable(),
  health: z.object({ minHealthyTimeMs: Count, deadlineMs: Count, probe: Probe.nullable() }),
});

const job = { name: Name, ...container, beside: ServiceName, timeoutMs: Count };

export const UnitJson = z.object({
  name: Name.transform(parseUnitId),
  services: z.array(Service),
  migrations: z.array(
    z.object({
      ...job,
      when: z.enum(['expand', 'contract']),
      check: Command.min(1).nullable(),
      down: Command.min(1).nullable(),
      compatible: z.boolean(),
    }),
  ),
  accountData: z.object(job).nullable(),
  addOns: z.array(z.object({ name: ServiceName, ...container, volumes: z.array(z.string()) })),
  tests: z.array(z.object(job)),
  policy: z.object({
    approval: z.boolean(),
    soak: z.object({
      durationMs: Count,
      maxErrorRate: z.number().min(0).max(1).nullable(),
      minRequests: Count,
      windowMs: Count,
      unhealthyMs: Count,
    }),
    keepMs: Count,
    drainMs: Count,
    confirmMs: Count,
  }),
});

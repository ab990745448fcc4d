import { z } from 'zod';

/** An engine says "nothing" as null, as absent, and as an empty list or object. */
const texts = z
  .array(z.string())
  .nullish()
  .transform((found) => found ?? []);
const record = <Value extends z.ZodType>(value: Value) =>
  z
    .record(z.string(), value)
    .nullish()
    .transform((found): Readonly<Record<string, z.output<Value>>> => found ?? {});
const text = z
  .string()
  .nullish()
  .transform((found) => found ?? '');

/** Configuration that a container has and an image gives; what is not named here passes through untouched. */
const config = z.looseObject({
  User: text,
  Env: texts,
  Cmd: texts,
  /** null: none · empty: reset, and the image's command kept. */
  Entrypoint: z
    .array(z.string())
    .nullish()
    .transform((found) => found ?? null),
  WorkingDir: text,
  Labels: record(z.string()),
  Volumes: record(z.unknown()),
  ExposedPorts: record(z.unknown()),
  Healthcheck: z.looseObject({ Test: texts }).nullish(),
  StopSignal: text,
  Shell: texts,
});

const endpoint = z.looseObject({
  IPAMConfig: z.looseObject({}).nullish(),
  Links: texts,
  Aliases: texts,
  DriverOpts: record(z.string()),
  NetworkID: text,
  MacAddress: text,
  IPAddress: text,
});

const mount = z.looseObject({
  Type: z.string(),
  Name: text,
  Source: text,
  Destination: z.string(),
  Driver: text,
  RW: z.boolean(),
});

const container = z.looseObject({
  Id: z.string(),
  Name: z.string(),
  Image: z.string(),
  State: z.looseObject({ Running: z.boolean(), Paused: z.boolean() }),
  Config: config.extend({ Hostname: text, Domainname: text, MacAddress: text }),
  HostConfig: z.looseObject({
    NetworkMode: text,
    AutoRemove: z.boolean().nullish(),
    Binds: texts,
    Links: texts,
    PortBindings: record(z.unknown()),
    RestartPolicy: z
      .looseObject({
        Name: z
          .enum(['', 'no', 'always', 'unless-stopped', 'on-failure'])
          .default('')
          .transform((found) => found || 'no'),
        MaximumRetryCount: z.number().default(0),
      })
      .prefault({}),
    Memory: z.number().default(0),
    MemorySwap: z.number().default(0),
    Mounts: z
      .array(z.looseObject({ Type: text, Source: text, Target: text }))
      .nullish()
      .transform((found) => found ?? []),
    Tmpfs: record(z.string()),
  }),
  Mounts: z
    .array(mount)
    .nullish()
    .transform((found) => found ?? []),
  NetworkSettings: z.looseObject({ Networks: record(endpoint) }),
});

/** The engine's whole answer about a container. */
export type ContainerInspect = Readonly<z.output<typeof container>>;
/** What an image gives to its containers: `Config` of the engine's answer about it. */
export type ImageConfig = Readonly<z.output<typeof config>>;

export type InspectedEndpoint = Readonly<z.output<typeof endpoint>>;

export const readInspect = (answer: unknown): ContainerInspect => container.parse(answer);
export const readImageConfig = (answer: unknown): ImageConfig =>
  z.object({ Config: config.nullish() }).parse(answer).Config ?? config.parse({});

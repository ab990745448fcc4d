import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { processSchema } from './detached.ts';

const port = z.int().min(1).max(65_535);

const hostSchema = z.object({
  name: z.string(),
  address: z.string(),
  ports: z.object({ engine: port, etcd: port.nullable(), http: port }),
});

const balancerSchema = z.object({
  address: z.string(),
  webPort: port,
  runtimePort: port,
  // Of the unit `shop`; a balancer of before there was one gets them when the lab is brought up again.
  shop: z.object({ webPort: port, apiPort: port }).nullable().default(null),
});

const stateSchema = z.object({
  version: z.literal(1),
  lab: z.string(),
  subnet: z.string(),
  hosts: z.array(hostSchema),
  registry: z.object({ address: z.string(), port }),
  // A lab of before there was one; it gets one when it is brought up again.
  balancer: balancerSchema.nullable().default(null),
  // Whether its hosts are virtual machines, each in the emulator that its container runs.
  vm: z.boolean().default(false),
  // Whether its etcd takes certificates only, and knows hosts and fleet by them.
  secure: z.boolean().default(false),
  temporal: z.object({ port, uiPort: port, process: processSchema.nullable() }),
  workers: z.array(processSchema),
  // null: worker and API are processes on the machine; else containers on hosts, which reach Temporal through the forwarder.
  upgrader: z.object({ image: z.string().nullable(), forwarder: processSchema.nullable() }).nullable().default(null),
  // A lab of before there was one; it gets one when it is brought up again.
  api: z.object({ port, process: processSchema.nullable() }).nullable().default(null),
});

/** What a lab remembers between commands: its addresses, its ports and the processes it started on the machine. */
export type LabState = z.infer<typeof stateSchema>;

export type LabHost = z.infer<typeof hostSchema>;

/** Hosts that carry the upgrader's containers: two, not the gatekeeper, whose install is everybody's first. */
export const upgraderHosts = ({ upgrader, hosts }: Pick<LabState, 'upgrader' | 'hosts'>): readonly LabHost[] =>
  upgrader === null ? [] : hosts.slice(1, 3);

/** Reads the state; nothing if there is no such lab here. */
export async function readState(file: string): Promise<LabState | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseState(text, file);
}

export function parseState(text: string, file: string): LabState {
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file} is not a lab's state; remove the lab with: refit lab down`, { cause: error });
  }
}

/** Written beside and renamed, so that a command killed in between leaves the old state. */
export async function writeState(file: string, state: LabState): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${file}.new`, file);
}

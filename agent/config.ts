import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseFleetId, parseHostId } from '../model/ids.ts';

/** Paths on the host. */
const TlsFiles = z.object({ caFile: z.string(), certFile: z.string(), keyFile: z.string() });

/**
 * What an agent has to know: whom it is, and where its bus is; null: nowhere, it has only this host's own orders. No secret:
 * key files are named.
 */
const AgentConfig = z.object({
  fleet: z.string().transform(parseFleetId),
  host: z.string().transform(parseHostId),
  etcd: z
    .object({
      endpoints: z.array(z.string()).min(1),
      tls: TlsFiles.nullable().default(null),
      /** The member that this host carries, as it stands among the endpoints; null: none. */
      member: z.string().nullable().default(null),
    })
    .nullable(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

/** Throws with the field's name when the text is no configuration. */
export function parseAgentConfig(text: string, where: string): AgentConfig {
  const parsed = AgentConfig.safeParse(toJson(text, where));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`${where}: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

export const readAgentConfig = (path: string): AgentConfig => parseAgentConfig(readFileSync(path, 'utf8'), path);

function toJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${where}: expected JSON, got "${text.slice(0, 80)}"`, { cause: error });
  }
}

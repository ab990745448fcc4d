import { z } from 'zod';
import { parseDigest } from '../../model/ids.ts';
import { parseAgentConfig, type AgentConfig } from '../config.ts';

const digest = z.string().transform(parseDigest);

/** How long a new agent may take to prove itself before the old one comes back; ms. It starts in half a second. */
const PROOF_MS = 15_000;

/** What the Downloader Job is told, by its environment. */
const JobEnvironment = z.object({
  REFIT_RELEASE_DIGEST: digest,
  REFIT_CONTENTS_DIGEST: digest,
  REFIT_AGENT_CONFIG: z.string(),
  REFIT_DISK_FLOOR_BYTES: z.coerce.number().nonnegative().default(0),
  REFIT_AGENT_PROOF_MS: z.coerce.number().positive().default(PROOF_MS),
});

export type JobOrder = {
  readonly release: z.infer<typeof digest>;
  readonly contents: z.infer<typeof digest>;
  readonly diskFloorBytes: number;
  readonly proofMs: number;
  readonly config: AgentConfig;
  /** As it is written to the host. */
  readonly configText: string;
};

export function readJobOrder(env: Readonly<Record<string, string | undefined>>): JobOrder {
  const parsed = JobEnvironment.safeParse(env);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Error(
      `the job's environment: ${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'not valid'}`,
    );
  }
  const { data } = parsed;
  const config = parseAgentConfig(data.REFIT_AGENT_CONFIG, 'REFIT_AGENT_CONFIG');
  return {
    release: data.REFIT_RELEASE_DIGEST,
    contents: data.REFIT_CONTENTS_DIGEST,
    diskFloorBytes: data.REFIT_DISK_FLOOR_BYTES,
    proofMs: data.REFIT_AGENT_PROOF_MS,
    config,
    configText: `${JSON.stringify(config, null, 1)}\n`,
  };
}

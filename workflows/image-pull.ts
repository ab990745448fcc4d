import type { PullImageInput, PullImageResult } from '../activities/member-activities.ts';
import { defaultPolicy } from '../model/policy.ts';
import { onHost } from './proxies.ts';
import type { Wait } from './waits.ts';

/** The first pause after a failed pull; most outages are short. Each further one is twice as long, up to the policy's. ms. */
const FIRST_RETRY_MS = 1_000;

/** Who waits for an image, and how long. */
export type Patience = {
  readonly retryMs: number;
  readonly retries: number;
  readonly during: <Result>(wait: Wait, step: () => Promise<Result>) => Promise<Result>;
  /** Lets the time pass; may end before. */
  readonly pass: (ms: number) => Promise<void>;
};

/** Puts an image on a host. The environment's failures are waited out, so often; the last one is the answer. */
export async function pullPatiently(
  input: Pick<PullImageInput, 'fleet' | 'upgrade' | 'host' | 'image'>,
  { retryMs, retries, during, pass }: Patience,
): Promise<PullImageResult> {
  const { host } = input;
  for (let tries = 0; ; tries++) {
    const result = await pull(input, during);
    if (result.outcome !== 'failed' || result.kind === 'input' || tries >= retries) return result;
    const ms = Math.min(retryMs, FIRST_RETRY_MS * 2 ** tries);
    const what = `the environment to mend itself (${result.message})`;
    const movedOnBy = 'time, or whoever mends the environment';
    await during({ what, host, until: Date.now() + ms, movedOnBy }, async () => pass(ms));
  }
}

async function pull(
  input: Pick<PullImageInput, 'fleet' | 'upgrade' | 'host' | 'image'>,
  during: Patience['during'],
): Promise<PullImageResult> {
  const { downloadByteLimit: byteLimit, diskFloorBytes, downloadDeadlineMs: deadlineMs } = defaultPolicy;
  const { host, image } = input;
  const wait = { what: `${host} to pull ${image}`, host, until: Date.now() + deadlineMs, movedOnBy: 'the registry' };
  const summary = `pull ${image} on ${host}`;
  return during(wait, async () =>
    onHost.pullImage.executeWithOptions({ summary }, [{ ...input, byteLimit, diskFloorBytes, deadlineMs }]),
  );
}

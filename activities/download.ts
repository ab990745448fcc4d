import { EngineError } from '../model/engine.ts';
import { RegistryError } from '../model/registry.ts';
import { hostImages, imageReference } from '../model/release.ts';
import type { Activities, DownloadResult } from './activities.ts';
import { whileBeating } from './beating.ts';
import {
  failed,
  isAlive,
  notAlive,
  pull,
  runJob,
  startAttempt,
  toBeat,
  type Attempt,
  type DownloadPorts,
  type Step,
} from './downloader-job.ts';

/** Idempotent: images that are there are not pulled, files that are there are not copied, an agent that runs stays. */
export function createDownloadRelease(ports: DownloadPorts): Activities['downloadRelease'] {
  return async (input) => {
    const attempt = startAttempt(ports, input);
    try {
      return await whileBeating(
        () => toBeat(attempt),
        async () => download(attempt),
      );
    } catch (error) {
      attempt.signal.throwIfAborted();
      if (error instanceof EngineError) return failed('environment', error.message);
      throw error;
    }
  };
}

async function download(attempt: Attempt): Promise<DownloadResult> {
  const images = await findImages(attempt);
  if (!images.ok) return images.failed;
  let bytes = 0;
  for (const image of images.value) {
    const pulled = await pull(attempt, image, bytes);
    if (!pulled.ok) return pulled.failed;
    bytes += pulled.value;
  }
  attempt.progress.phase = 'copying';
  const job = await runJob(attempt, 'download');
  if (!job.ok) return job.failed;
  attempt.progress.phase = 'starting';
  const { agent } = job.value;
  return (await isAlive(attempt, agent)) ? { outcome: 'staged', bytes } : notAlive(attempt, agent);
}

/** The release first: the images of its steps are named in it. */
async function findImages({ ports, input, signal }: Attempt): Promise<Step<readonly string[]>> {
  try {
    const { release } = await ports.releases.read(input.release, signal);
    return { ok: true, value: [imageReference(input.release), ...hostImages(release)] };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RegistryError)) throw error;
    const isRelease = error.kind === 'notFound' || error.kind === 'mismatch' || error.kind === 'notRelease';
    return { ok: false, failed: failed(isRelease ? 'release' : 'environment', error.message) };
  }
}

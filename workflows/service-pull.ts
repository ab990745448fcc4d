import { condition } from '@temporalio/workflow';
import type { PullImageResult } from '../activities/member-activities.ts';
import { failureTypes } from '../model/failures.ts';
import type { HostId } from '../model/ids.ts';
import { ask, gate, unlessEnded } from './gate.ts';
import { pullPatiently } from './image-pull.ts';
import type { Ending } from './operated.ts';
import { soon } from './proxies.ts';
import { bestEffort } from './service-tell.ts';
import type { ServiceRun } from './service-run.ts';

/** Hosts that pull at the same time: a registry serves them all at once, and their disks are busy meanwhile. */
const MAX_PARALLEL_PULLS = 4;

/** The image is on every host before the first member is touched. */
export async function pullEverywhere(run: ServiceRun): Promise<Ending> {
  let left: readonly HostId[] = [...new Set(run.all().map(({ found }) => found.host))];
  // Every round ends a host's pull, or is an operator's `resume`.
  while (left.length > 0) {
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    const batch = left.slice(0, MAX_PARALLEL_PULLS);
    const pulls = await unlessEnded(run, async () => Promise.all(batch.map(async (host) => pull(run, host))));
    if (pulls === null) return run.ending();
    const failed = await failedPulls(run, pulls);
    left = [...failed.map(({ host }) => host), ...left.slice(batch.length)];
    const [first] = failed;
    if (first === undefined) continue;
    const question = { what: first.message, host: first.host, answers: ['resume'] };
    const ending = await ask(run, { ...question, isAnswered: () => run.wishes.resume });
    if (ending !== 'go') return ending;
  }
  return run.ending();
}

/** Removes the image where it came with this run and nothing came of it. */
export async function removePulled(run: ServiceRun): Promise<void> {
  const { fleet, upgrade, reference: image } = run.input;
  const remove = async (host: HostId): Promise<void> => {
    const container = run.all().find(({ found }) => found.host === host)?.found.container ?? '';
    const summary = `remove the image from ${host}`;
    await bestEffort(run, `remove ${image} from ${host}`, async () =>
      soon.removePulledImage.executeWithOptions({ summary }, [{ fleet, upgrade, host, container, image }]),
    );
  };
  await Promise.all([...run.pulled].map(remove));
}

type Pull = { readonly host: HostId; readonly result: PullImageResult };

async function pull(run: ServiceRun, host: HostId): Promise<Pull> {
  const { fleet, upgrade, reference: image, policy } = run.input;
  const result = await pullPatiently(
    { fleet, upgrade, host, image },
    {
      retryMs: policy.environmentRetryMs,
      retries: policy.environmentRetries,
      during: async (wait, step) => run.during(wait, step),
      pass: async (ms) => {
        await condition(() => run.wishes.ending !== null, ms);
      },
    },
  );
  return { host, result };
}

/** Those that the environment failed. An image that is wrong ends the upgrade: nothing was changed yet. */
async function failedPulls(
  run: ServiceRun,
  pulls: readonly Pull[],
): Promise<readonly { readonly host: HostId; readonly message: string }[]> {
  const failed: { readonly host: HostId; readonly message: string }[] = [];
  for (const { host, result } of pulls) {
    if (result.outcome === 'pulled') run.pulled.add(host);
    if (result.outcome === 'failed' && result.kind === 'environment') failed.push({ host, message: result.message });
  }
  const wrong = pulls.flatMap(({ host, result }) =>
    result.outcome === 'failed' && result.kind === 'input' ? [`${host}: ${result.message}`] : [],
  );
  if (wrong.length === 0) return failed;
  await removePulled(run);
  const message = `service ${run.input.service.name} can't be upgraded, nothing was changed\n${wrong.join('\n')}`;
  throw run.fail(failureTypes.wrongInput, message);
}

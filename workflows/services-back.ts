import type { ServiceId } from '../model/ids.ts';
import { followService, type ServiceEnd } from './follow-service.ts';
import type { Run } from './run.ts';
import { serviceInput } from './service-input.ts';
import { askAboutService } from './services.ts';

/** Services go back before the hosts they run on, the last one first. */
export async function rollBackServices(run: Run): Promise<'go' | 'abort'> {
  const names = run.hop.services.names().filter((name) => run.hop.services.changed.has(name));
  for (const name of [...names].reverse()) {
    if ((await rollBackOne(run, name)) === 'abort') return 'abort';
  }
  return 'go';
}

async function rollBackOne(run: Run, name: ServiceId): Promise<'go' | 'abort'> {
  // Every round takes the service back, or an operator says how to go on.
  for (;;) {
    run.hop.services.move(name, 'rollingBack');
    run.show();
    const ended = await followService(run, serviceInput(run, name, 'putBack'), `service ${name} back`);
    if (ended === null || ended.end === 'aborted') return 'abort';
    if (ended.end !== 'failed') {
      run.hop.services.changed.delete(name);
      run.hop.services.move(name, 'rolledBack');
      return 'go';
    }
    run.hop.services.move(name, 'failed', ended.error);
    const answer = await askAboutService(run, name, `service ${name} did not go back: ${ended.error}`);
    if (answer !== 'again') return answer === 'go' ? 'go' : 'abort';
  }
}

/** The release is in place: what was kept for the way back goes. What can't be removed is told, and harms nobody. */
export async function discardKept(run: Run): Promise<void> {
  // What the last hop put in place names the whole line of its ancestors, which goes with its own.
  const discarded = new Set<ServiceId>();
  for (const index of [...run.hops.keys()].reverse()) {
    run.at = index;
    await discardOfHop(run, discarded);
  }
  run.at = run.hops.length - 1;
}

async function discardOfHop(run: Run, discarded: Set<ServiceId>): Promise<void> {
  // Agents look after what they keep, and new containers have no old ones beside them.
  const isKept = (name: ServiceId): boolean =>
    run.hop.services.changed.has(name) && run.hop.services.loaded.get(name)?.policy.mode === 'inPlace';
  for (const name of run.hop.services.names().filter(isKept)) {
    if (discarded.has(name)) continue;
    discarded.add(name);
    const ended = await followService(run, serviceInput(run, name, 'discardKept'), `remove what service ${name} kept`);
    if (ended?.end === 'succeeded') continue;
    const what = `old containers of service ${name} are still there, stopped: ${reasonOf(ended)}`;
    const remedy = 'remove them by hand, or leave them to the next upgrade of the service';
    run.warnings.push({ host: null, severity: 'warning', what, remedy });
  }
}

const reasonOf = (ended: ServiceEnd | null): string =>
  ended?.end === 'failed' ? ended.error : `their removal was ${ended?.end ?? 'interrupted'}`;

import { ApplicationFailure } from '@temporalio/workflow';
import type { FoundMembers } from '../activities/member-activities.ts';
import type { ServiceId } from '../model/ids.ts';
import type { ServiceProgress } from '../model/service.ts';
import { followService, type ServiceEnd } from './follow-service.ts';
import { ask, gate, isFenced, read } from './gate.ts';
import { quick, reading } from './proxies.ts';
import type { Ending, Run } from './run.ts';
import { serviceInput } from './service-input.ts';

/** Services phase: one after another, those that others rest on first; the next only when one is upgraded or was left. */
export async function services(run: Run): Promise<Ending> {
  const names = run.hop.services.names();
  if (names.length === 0) return run.ending();
  run.enter('running', 'services');
  for (const name of names) {
    const ending = await upgradeOne(run, name);
    if (ending !== 'go') return ending;
  }
  return 'go';
}

async function upgradeOne(run: Run, name: ServiceId): Promise<Ending> {
  // Every round ends the service, or an operator says how to go on.
  for (;;) {
    const turn = await gate(run);
    if (turn !== 'go') return turn;
    run.hop.services.move(name, 'upgrading');
    run.show();
    const ended = await attempt(run, name);
    if (ended === null) {
      run.hop.services.move(name, 'pending');
      return run.wishes.ending ?? 'abort';
    }
    const settled = await settle(run, name, ended);
    if (settled !== 'again') return settled;
  }
}

/** null: the operator ended the upgrade before anything was done to the service. */
async function attempt(run: Run, name: ServiceId): Promise<ServiceEnd | 'noMembers' | null> {
  try {
    const found = await find(run, name);
    if (found === null) return null;
    run.hop.services.count(name, found.total ?? found.members.length);
    const isSure = !found.findings.some(({ severity }) => severity === 'error');
    if (found.members.length === 0 && isSure) return 'noMembers';
  } catch (error) {
    // Wrong input of one service is no end of the whole upgrade, whose hosts are done: it is put to the operator.
    if (!(error instanceof ApplicationFailure) || isFenced(error)) throw error;
    return { end: 'failed', error: error.message };
  }
  const { version } = run.hop.planned.release;
  return followService(run, serviceInput(run, name, 'upgrade'), `service ${name} to ${version}`);
}

async function find(run: Run, name: ServiceId): Promise<FoundMembers | null> {
  const { fleet, upgrade, release } = run.hopInput();
  const loaded = await read(run, `reading what ${release.version} says of service ${name}`, async () =>
    quick.loadService({ fleet, upgrade, release, name }),
  );
  if (loaded === null) return null;
  run.hop.services.loaded.set(name, loaded);
  const summary = `find the members of service ${name}`;
  return read(run, summary, async () =>
    reading.findMembers.executeWithOptions({ summary }, [
      {
        fleet,
        upgrade,
        service: loaded.service,
        mode: loaded.policy.mode,
        reference: loaded.reference,
        release,
        after: null,
      },
    ]),
  );
}

async function settle(run: Run, name: ServiceId, ended: ServiceEnd | 'noMembers'): Promise<Ending | 'again'> {
  if (ended === 'noMembers') return leave(run, name);
  if (ended.end === 'succeeded') return finish(run, name, ended.progress);
  if (ended.end !== 'rolledBack') {
    run.hop.services.changed.add(name);
  } else {
    run.hop.services.changed.delete(name);
    if (run.ending() === 'rollback') {
      run.hop.services.move(name, 'rolledBack');
      return 'rollback';
    }
  }
  return failed(run, name, reasonOf(ended));
}

/** A fleet need not run every service of its release. */
function leave(run: Run, name: ServiceId): Ending {
  const what = `no container of service ${name} was found`;
  const remedy = `nothing to do, if the fleet does not run it; else label its containers, or name it in the fleet file`;
  run.warnings.push({ host: null, severity: 'warning', what, remedy });
  run.decide({ rule: 'no members', decision: `skip service ${name}`, because: what, by: 'policy' });
  run.hop.services.move(name, 'skipped');
  return run.ending();
}

function finish(run: Run, name: ServiceId, progress: ServiceProgress): Ending {
  if (!isAsItWas(run, name, progress)) run.hop.services.changed.add(name);
  run.hop.services.move(name, run.hop.services.changed.has(name) ? 'done' : 'alreadyThere');
  return run.ending();
}

/** An agent says that its members are there, not whether they were: with the same image and nothing to set they were. */
function isAsItWas(run: Run, name: ServiceId, { members, membersLeftOut }: ServiceProgress): boolean {
  const loaded = run.hop.services.loaded.get(name);
  const isAgents = loaded?.policy.mode === 'agent' && Object.keys(loaded.settings).length === 0;
  const wasThere = members.every(({ from, to }) => to === null || (isAgents && from === loaded.reference));
  // What a record leaves out was changed last of all, unless agents say that they changed everything.
  return wasThere && (membersLeftOut === undefined || !isAgents);
}

/** Its members run the old version again, or its error says what they do; the whole upgrade's policy decides. */
async function failed(run: Run, name: ServiceId, error: string): Promise<Ending | 'again'> {
  run.hop.services.move(name, 'failed', error);
  if (run.ending() !== 'go') return run.ending();
  const onFailure = run.onFailure();
  const decision = onFailure === 'rollback' ? 'rollback' : 'ask';
  const rule = `on-failure ${onFailure}`;
  run.decide({ rule, decision: `${decision} for service ${name}`, because: error, by: 'policy' });
  return decision === 'rollback' ? 'rollback' : askAboutService(run, name, `service ${name} failed: ${error}`);
}

/** `again`: as the operator wants it. */
export async function askAboutService(run: Run, name: ServiceId, what: string): Promise<Ending | 'again'> {
  const { services } = run.hop;
  const { wishes } = run;
  services.ask(name);
  const isAnswered = (): boolean => wishes.resume || services.isSkipped();
  const ending = await ask(run, { what, host: null, answers: ['resume', `skip ${name}`], isAnswered });
  const answer = services.takeAnswer();
  if (ending !== 'go') return ending;
  if (answer === null) return 'again';
  services.move(name, 'skipped');
  return 'go';
}

const reasonOf = (ended: Exclude<ServiceEnd, { readonly end: 'succeeded' }>): string => {
  if (ended.end === 'failed') return ended.error;
  const why = ended.progress.error ?? 'an operator ended its own upgrade';
  return ended.end === 'rolledBack' ? `${why}; its members are as they were` : `${why}; it was aborted half-way`;
};
